//! What people do with their accounts. Logging in, refreshing and the first owner have files of their own.

use std::sync::Arc;

use chancery_access::{Principal, Scope, Scopes, Subject};
use chancery_ambient::{Ambient, Fault};
use chancery_ids::{TenantId, UserId};
use chancery_tokens::{Authority, EndRefused, TokenPair, TokenService};
use secrecy::SecretString;

use crate::{
    AccountSystemStore, AccountWatch, HashPool, LoginGuard, Member, MemberStore, ProfileRefused,
    ServiceAccountService, TenantState, watch::Unwatched,
};

/// Logs people in and keeps their sessions going.
pub struct AccountService {
    pub(crate) system: Arc<dyn AccountSystemStore>,
    pub(crate) members: Arc<dyn MemberStore>,
    pub(crate) tokens: Arc<TokenService>,
    pub(crate) passwords: Arc<HashPool>,
    pub(crate) guard: Arc<LoginGuard>,
    pub(crate) service_accounts: Arc<ServiceAccountService>,
    pub(crate) watch: Arc<dyn AccountWatch>,
    pub(crate) ambient: Ambient,
}

/// A person who has logged in, or whose session goes on.
#[derive(Debug)]
pub struct LoggedIn {
    /// Their tokens.
    pub pair: TokenPair,
    /// Who.
    pub user: UserId,
    /// For which tenant.
    pub tenant: TenantId,
    /// Whether their address was proved.
    pub email_verified: bool,
}

impl AccountService {
    /// A service over one storage.
    #[must_use]
    pub fn new(
        system: Arc<dyn AccountSystemStore>,
        members: Arc<dyn MemberStore>,
        tokens: Arc<TokenService>,
        passwords: Arc<HashPool>,
        guard: Arc<LoginGuard>,
        service_accounts: Arc<ServiceAccountService>,
        ambient: Ambient,
    ) -> Self {
        Self {
            system,
            members,
            tokens,
            passwords,
            guard,
            service_accounts,
            watch: Arc::new(Unwatched),
            ambient,
        }
    }

    /// The same service, watched.
    #[must_use]
    pub fn watched_by(mut self, watch: Arc<dyn AccountWatch>) -> Self {
        self.watch = watch;
        self
    }

    /// Ends the session of the presented refresh token, which has to be the caller's and may have expired; `false` when it
    /// had ended before.
    #[tracing::instrument(name = "accounts.log_out", skip_all, fields(tenant = %caller.tenant))]
    pub async fn log_out(&self, presented: &SecretString, caller: &Principal) -> Result<bool, EndRefused> {
        self.tokens.end_session(presented, caller).await
    }

    /// Whether the tenant that the person belongs to is suspended.
    #[tracing::instrument(name = "accounts.is_suspended", skip_all, fields(%tenant))]
    pub async fn is_suspended(&self, tenant: TenantId, member: UserId) -> Result<bool, Fault> {
        let found = self.members.find_member(tenant, member).await?;
        Ok(found.is_some_and(|member| member.tenant_state == TenantState::Suspended))
    }

    /// The caller's own row, as it stands now.
    #[tracing::instrument(name = "accounts.profile", skip_all, fields(tenant = %caller.tenant))]
    pub async fn profile(&self, caller: &Principal) -> Result<Member, ProfileRefused> {
        let user = caller.require_person()?;
        let member = self.members.find_member(caller.tenant, user).await?;
        member.ok_or(ProfileRefused::Gone)
    }
}

impl Member {
    /// What tokens of this person may carry, as they stand now.
    pub(crate) fn authority(&self) -> Authority {
        Authority {
            role: Some(self.role),
            scopes: self.scopes(),
            email_verified: self.email_verified,
            subject_epoch: self.subject_epoch,
            tenant_epoch: self.tenant_epoch,
        }
    }

    fn scopes(&self) -> Scopes {
        let of_the_platform = self.is_operator.then_some(Scope::PLATFORM_OPERATOR);
        self.role
            .scopes()
            .iter()
            .cloned()
            .chain(of_the_platform)
            .collect()
    }

    pub(crate) fn logged_in(&self, pair: TokenPair) -> LoggedIn {
        LoggedIn {
            pair,
            user: self.user,
            tenant: self.tenant,
            email_verified: self.email_verified,
        }
    }

    pub(crate) const fn subject(&self) -> Subject {
        Subject::Person(self.user)
    }
}

#[cfg(test)]
mod tests {
    use chancery_access::{Denied, Subject, TenantRole};

    use crate::{
        ProfileRefused,
        fixture::{Fixture, PASSWORD},
    };

    #[tokio::test]
    async fn a_caller_sees_themselves_as_they_stand_now() {
        let f = Fixture::new().await;
        let (tenant, user) = f.member("Ada@example.org").await;
        let logged_in = f.log_in("ada@example.org", PASSWORD).await.unwrap();
        f.change_membership(user, |membership| membership.role = TenantRole::Viewer);
        let me = f.service.profile(&f.caller(&logged_in).await).await.unwrap();
        assert_eq!((me.tenant, me.user), (tenant, user));
        assert_eq!(me.email.as_str(), "Ada@example.org");
        assert_eq!(me.role, TenantRole::Viewer);
    }

    #[tokio::test]
    async fn a_removed_member_and_a_machine_see_nothing() {
        let f = Fixture::new().await;
        f.member("ada@example.org").await;
        let logged_in = f.log_in("ada@example.org", PASSWORD).await.unwrap();
        let mut caller = f.caller(&logged_in).await;
        f.store.state().memberships.clear();
        assert!(matches!(
            f.service.profile(&caller).await,
            Err(ProfileRefused::Gone)
        ));
        caller.subject = Subject::ServiceAccount("worker".to_owned());
        let refused = f.service.profile(&caller).await;
        assert!(matches!(refused, Err(ProfileRefused::Denied(Denied::NotAPerson))));
    }

    #[tokio::test]
    async fn a_session_that_was_logged_out_does_not_go_on() {
        let f = Fixture::new().await;
        f.member("ada@example.org").await;
        let logged_in = f.log_in("ada@example.org", PASSWORD).await.unwrap();
        let (token, caller) = (&logged_in.pair.refresh_token, f.caller(&logged_in).await);
        assert!(f.service.log_out(token, &caller).await.unwrap());
        assert!(!f.service.log_out(token, &caller).await.unwrap());
        assert!(f.refresh(token, None).await.is_err());
    }
}
