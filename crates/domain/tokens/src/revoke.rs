//! Ending tokens before their time.

use chancery_ambient::Fault;
use chancery_events::{Event, EventKind};
use chancery_ids::{SessionId, TenantId, TokenId};
use chancery_jose::KeyId;

use crate::{EndReason, RevocationOrder, Revoked, TokenService, Whose};

/// What an operator or an owner wants ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevokeTarget {
    /// One access token, by its `jti`.
    Token(TokenId),
    /// A session, its refresh token too.
    Session(SessionId),
    /// Everything of a subject or a tenant, their sessions too.
    AllOf(Whose),
    /// Everything a key signed, and the sessions whose current token it signed.
    Key(String),
}

impl TokenService {
    /// A worker's turn, four times a second: takes over the revocations that others have stored, and with that of a key the
    /// set without it, so that nothing more is signed with it.
    pub async fn follow_revocations(&self) -> Result<(), Fault> {
        self.revocations.read().await?;
        let signed_with = |kid: &KeyId| self.revocations.has_key(kid.as_str());
        if self.keys.publishes_any(signed_with) {
            self.keys.reload().await?;
        }
        Ok(())
    }

    /// Ends what `target` says, for an operator. `false` when there is nothing to end: no such session, subject or tenant,
    /// or one that had ended. What belongs to no tenant is announced for the platform.
    #[tracing::instrument(name = "tokens.revoke", skip_all)]
    pub async fn revoke(&self, target: &RevokeTarget, reason: &str) -> Result<bool, Fault> {
        let order = RevocationOrder::new(&self.ambient);
        let tenant = match target {
            RevokeTarget::Session(session) => match self.families.find(*session).await? {
                Some(family) => family.tenant,
                None => return Ok(false),
            },
            RevokeTarget::AllOf(Whose::Tenant(tenant)) => *tenant,
            RevokeTarget::Token(_) | RevokeTarget::AllOf(Whose::Subject(_)) | RevokeTarget::Key(_) => {
                TenantId::PLATFORM
            }
        };
        let event = |subject: String, what: &str| [self.revoked_event(tenant, subject, what, reason)];
        let store = &self.revocation_store;
        match target {
            RevokeTarget::Token(token) => {
                let revocation = order.of(Revoked::Token(*token));
                store
                    .revoke(&[revocation], &event(token.to_string(), "token"))
                    .await?;
                Ok(true)
            }
            RevokeTarget::Session(session) => {
                let revocation = order.of(Revoked::Session(*session));
                let events = event(session.to_string(), "session");
                self.families
                    .end(*session, EndReason::Revoked, &revocation, &events)
                    .await
            }
            RevokeTarget::AllOf(whose) => {
                let events = match whose {
                    Whose::Subject(subject) => event(subject.to_string(), "subject"),
                    Whose::Tenant(whose) => event(whose.to_string(), "tenant"),
                };
                Ok(store.revoke_all_of(whose, order, &events).await?.is_some())
            }
            RevokeTarget::Key(kid) => {
                store
                    .revoke_signed_by(kid, order, &event(kid.clone(), "key"))
                    .await?;
                Ok(true)
            }
        }
    }

    pub(crate) fn revoked_event(&self, tenant: TenantId, subject: String, what: &str, reason: &str) -> Event {
        Event::new(&self.ambient, tenant, EventKind::TokensRevoked, subject)
            .with("what", what)
            .with("reason", reason)
    }
}
