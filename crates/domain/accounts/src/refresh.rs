//! Keeping a session going.

use chancery_access::{Scopes, Subject};
use chancery_tokens::{Authority, OpenRefresh, Seen, TokenPair};
use secrecy::SecretString;

use crate::{AccountService, RefreshRefused, TenantState, UserState};

/// What the holder of a refresh token presents.
#[derive(Debug)]
pub struct RefreshRequest<'a> {
    /// The token.
    pub token: &'a SecretString,
    /// The name of the device, where the session is bound to one.
    pub device: Option<&'a str>,
    /// Less than the session allows, for this access token alone.
    pub scope: Option<Scopes>,
    /// The client that says it is the session's (RFC 6749 section 6).
    pub client_id: Option<&'a str>,
    /// From where it is asked for, where that is known.
    pub seen: Option<Seen>,
}

impl<'a> RefreshRequest<'a> {
    /// A request with the token and nothing else.
    #[must_use]
    pub const fn of(token: &'a SecretString) -> Self {
        Self {
            token,
            device: None,
            scope: None,
            client_id: None,
            seen: None,
        }
    }
}

impl AccountService {
    /// Exchanges a refresh token for the next pair. Role and scopes are those that the person, or the service account, has now;
    /// one who is gone, or whose tenant is stopped, is refused before anything is rotated.
    #[tracing::instrument(name = "accounts.refresh", skip_all)]
    pub async fn refresh(&self, request: RefreshRequest<'_>) -> Result<TokenPair, RefreshRefused> {
        let open = self.tokens.open_refresh(request.token, request.device).await?;
        let open = open.seen(request.seen);
        if request.client_id.is_some_and(|client| client != open.client_id()) {
            return Err(RefreshRefused::OtherClient);
        }
        let scope = request.scope.unwrap_or_else(|| open.scopes().clone());
        if scope.within(open.scopes()).is_empty() {
            return Err(RefreshRefused::NoScope);
        }
        let narrow = |authority: Authority| Authority {
            scopes: authority.scopes.within(&scope),
            ..authority
        };
        match open.subject() {
            Subject::Person(_) => self.refresh_person(open, narrow).await,
            Subject::ServiceAccount(_) => self.service_accounts.exchange(open, narrow).await,
            // Apps have their secret, and no session.
            Subject::App(_) => Err(RefreshRefused::OwnerGone),
        }
    }

    async fn refresh_person(
        &self,
        open: OpenRefresh,
        narrow: impl FnOnce(Authority) -> Authority,
    ) -> Result<TokenPair, RefreshRefused> {
        let user = open.subject().person().ok_or(RefreshRefused::OwnerGone)?;
        let member = self.members.find_member(open.tenant(), user).await?;
        let member = member
            .filter(|member| member.state == UserState::Active)
            .ok_or(RefreshRefused::OwnerGone)?;
        if member.tenant_state == TenantState::Suspended {
            return Err(RefreshRefused::TenantSuspended);
        }
        Ok(self.tokens.refresh(open, narrow(member.authority())).await?)
    }
}

#[cfg(test)]
mod tests;
