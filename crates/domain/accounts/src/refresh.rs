//! Keeping a session going.

use secrecy::SecretString;

use crate::{AccountService, LoggedIn, RefreshRefused, TenantState, UserState};

impl AccountService {
    /// Exchanges a refresh token for the next pair. Role and scopes are those that the person has now; one who is gone, or
    /// whose tenant is stopped, is refused before anything is rotated.
    #[tracing::instrument(name = "accounts.refresh", skip_all)]
    pub async fn refresh(
        &self,
        presented: &SecretString,
        device: Option<&str>,
    ) -> Result<LoggedIn, RefreshRefused> {
        let open = self.tokens.open_refresh(presented, device).await?;
        let user = open.subject().person().ok_or(RefreshRefused::OwnerGone)?;
        let member = self.members.find_member(open.tenant(), user).await?;
        let member = member
            .filter(|member| member.state == UserState::Active)
            .ok_or(RefreshRefused::OwnerGone)?;
        if member.tenant_state == TenantState::Suspended {
            return Err(RefreshRefused::TenantSuspended);
        }
        let pair = self.tokens.refresh(open, member.authority()).await?;
        Ok(member.logged_in(pair))
    }
}

#[cfg(test)]
mod tests;
