//! What people do with their own sessions.

use chancery_access::Principal;
use chancery_ambient::Fault;
use chancery_events::{Event, EventKind};
use chancery_ids::SessionId;

use crate::{EndReason, Family, RevocationOrder, Revoked, TokenService, Whose};

/// A list of sessions shows the newest ones, so many at most.
pub const MOST_SESSIONS: u16 = 1000;

impl TokenService {
    /// The caller's sessions in their tenant, newest first; those that have ended only when `past` ones are wanted too.
    #[tracing::instrument(name = "tokens.list_sessions", skip_all, fields(tenant = %caller.tenant))]
    pub async fn sessions(&self, caller: &Principal, past: bool) -> Result<Vec<Family>, Fault> {
        let now = self.ambient.now();
        self.sessions
            .list_sessions(caller.tenant, &caller.subject, past, now, MOST_SESSIONS)
            .await
    }

    /// Ends one of the caller's sessions, with its tokens. `None` when they have no such session, `Some(false)` when it had
    /// ended before.
    #[tracing::instrument(name = "tokens.end_own_session", skip_all, fields(tenant = %caller.tenant))]
    pub async fn end_own_session(
        &self,
        caller: &Principal,
        session: SessionId,
    ) -> Result<Option<bool>, Fault> {
        let family = self.families.find(session).await?;
        let Some(family) = family.filter(|family| family.belongs_to(caller)) else {
            return Ok(None);
        };
        let event = self.family_event(&family, EventKind::SessionEnded);
        Ok(Some(self.end_family(session, EndReason::Revoked, event).await?))
    }

    /// Ends a family and its access tokens; `false` when it had ended before.
    pub(crate) async fn end_family(
        &self,
        session: SessionId,
        reason: EndReason,
        event: Event,
    ) -> Result<bool, Fault> {
        let revocation = RevocationOrder::new(&self.ambient).of(Revoked::Session(session));
        let ended = self.families.end(session, reason, &revocation, &[event]).await?;
        if ended {
            self.revocations.learn(revocation);
            self.watch.revoked("session");
        }
        Ok(ended)
    }

    /// Ends every session and every token of the caller, in every tenant, this one too. Gives how many sessions ended.
    #[tracing::instrument(name = "tokens.end_all_sessions", skip_all, fields(tenant = %caller.tenant))]
    pub async fn end_all_sessions(&self, caller: &Principal) -> Result<u64, Fault> {
        let order = RevocationOrder::new(&self.ambient);
        let subject = caller.subject.to_string();
        let event = self.revoked_event(caller.tenant, subject, "subject", "logged out everywhere");
        let whose = Whose::Subject(caller.subject.clone());
        let raised = self
            .revocation_store
            .revoke_all_of(&whose, order, &[event])
            .await?;
        self.watch.revoked("subject");
        Ok(raised.map_or(0, |raised| raised.sessions))
    }
}
