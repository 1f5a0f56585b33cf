//! What service accounts and the people who run a tenant do with issued tokens.

use chancery_access::{Principal, Scope, Subject};
use chancery_ambient::Fault;
use chancery_ids::{SessionId, TenantId};
use chancery_tokens::{Authority, Family, OpenRefresh, TokenPair};

use super::{ServiceAccountService, ServiceTokenFilter, ServiceTokensRefused};
use crate::{RefreshRefused, TenantState};

impl ServiceAccountService {
    /// Gives an access token for an account's refresh token, which stays. It allows what the catalogue allows now; an account
    /// that is gone from it gets nothing.
    pub(crate) async fn exchange(
        &self,
        open: OpenRefresh,
        narrow: impl FnOnce(Authority) -> Authority,
    ) -> Result<TokenPair, RefreshRefused> {
        let Subject::ServiceAccount(name) = open.subject() else {
            return Err(RefreshRefused::OwnerGone);
        };
        let account = self.catalogue.find(name).ok_or(RefreshRefused::OwnerGone)?;
        if account.requires_tenant != (open.tenant() != TenantId::PLATFORM) {
            return Err(RefreshRefused::OwnerGone);
        }
        let standing = self.store.standing(open.tenant(), name).await?;
        let standing = standing.ok_or(RefreshRefused::OwnerGone)?;
        if standing.tenant_state == TenantState::Suspended {
            return Err(RefreshRefused::TenantSuspended);
        }
        let authority = Authority {
            role: None,
            scopes: account.allowed_scopes.clone(),
            email_verified: true,
            subject_epoch: standing.subject_epoch,
            tenant_epoch: standing.tenant_epoch,
        };
        Ok(self.tokens.refresh(open, narrow(authority)).await?)
    }

    /// Tokens of the caller's tenant, newest first, and how many there are in all.
    #[tracing::instrument(name = "accounts.list_service_tokens", skip_all, fields(tenant = %caller.tenant))]
    pub async fn list_tokens(
        &self,
        caller: &Principal,
        filter: &ServiceTokenFilter,
    ) -> Result<(Vec<Family>, u64), ServiceTokensRefused> {
        caller.require(Scope::SERVICE_ACCOUNTS_MANAGE)?;
        let now = self.ambient.now();
        Ok(self.store.list_service_tokens(caller.tenant, filter, now).await?)
    }

    /// Ends a token of the caller's tenant and the access tokens that came of it; `false` when it had ended before.
    #[tracing::instrument(name = "accounts.revoke_service_token", skip_all, fields(tenant = %caller.tenant))]
    pub async fn revoke_token(
        &self,
        caller: &Principal,
        token: SessionId,
        reason: &str,
    ) -> Result<bool, ServiceTokensRefused> {
        caller.require_own()?;
        caller.require(Scope::SERVICE_ACCOUNTS_MANAGE)?;
        let ended = self.tokens.end_service_token(caller, token, reason).await?;
        ended.ok_or(ServiceTokensRefused::Absent)
    }

    /// A worker's turn: forgets the nonces that count no more.
    pub async fn prune_nonces(&self) -> Result<u64, Fault> {
        self.store.prune_nonces(self.ambient.now()).await
    }
}
