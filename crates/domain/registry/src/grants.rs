//! What a client that proved itself can have.

use chancery_access::{Scopes, Subject};
use chancery_tokens::{AccessGrant, ActingClient, Active, ExchangeRefused, ExchangeRequest, IssuedAccess};
use secrecy::SecretString;

use crate::{AppService, GrantRefused, StandingApp};

/// An exchange as a client asks for it.
#[derive(Debug)]
pub struct ClientExchange<'a> {
    /// On whose behalf.
    pub subject_token: &'a SecretString,
    /// The client's own token.
    pub actor_token: &'a SecretString,
    /// What it wants to do; everything it may when absent.
    pub scope: Option<Scopes>,
    /// For which services; the usual ones when empty.
    pub audiences: Vec<String>,
}

/// What a client is told about a token.
pub type Told = Option<Active>;

impl AppService {
    /// A token for the client itself (RFC 6749 section 4.4). Without a scope it allows all that the app may.
    /// No I/O.
    pub fn client_credentials(
        &self,
        client: &StandingApp,
        scope: Option<Scopes>,
        audiences: Vec<String>,
    ) -> Result<IssuedAccess, GrantRefused> {
        if !self.tokens.issues_for(&audiences) {
            return Err(GrantRefused::UnknownAudience);
        }
        let allowed = &client.app.scopes;
        let scopes = scope.unwrap_or_else(|| allowed.clone());
        let granted = scopes.within(allowed);
        if let Some(more) = scopes
            .iter()
            .find(|scope| !granted.iter().any(|one| one == *scope))
        {
            return Err(GrantRefused::Scope(Some(more.clone())));
        }
        if granted.is_empty() {
            return Err(GrantRefused::Scope(None));
        }
        let grant = AccessGrant {
            tenant: client.app.tenant,
            subject: Subject::App(client.app.id),
            client_id: client.app.id.to_string(),
            scopes: granted,
            subject_epoch: client.epoch,
            tenant_epoch: client.tenant_epoch,
            session: None,
            email_verified: None,
            actor: None,
            may_act: None,
            audiences,
            ends_by: None,
        };
        Ok(self.tokens.issue_access(grant)?)
    }

    /// A token with which the client acts for somebody who said so (RFC 8693).
    #[tracing::instrument(name = "registry.exchange", skip_all)]
    pub async fn exchange(
        &self,
        client: &StandingApp,
        wanted: ClientExchange<'_>,
    ) -> Result<IssuedAccess, GrantRefused> {
        let request = ExchangeRequest {
            subject_token: wanted.subject_token,
            actor_token: wanted.actor_token,
            client: acting(client),
            scope: wanted.scope,
            audiences: wanted.audiences,
        };
        match self.tokens.exchange(request).await {
            Ok(issued) => Ok(issued),
            Err(ExchangeRefused::NoScope) => Err(GrantRefused::Scope(None)),
            Err(ExchangeRefused::UnknownAudience) => Err(GrantRefused::UnknownAudience),
            Err(refused) => Err(refused.into()),
        }
    }

    /// What a token is worth at this moment (RFC 7662). Tokens of other tenants are worth nothing.
    #[tracing::instrument(name = "registry.introspect", skip_all)]
    pub async fn introspect(&self, client: &StandingApp, token: &SecretString) -> Result<Told, GrantRefused> {
        Ok(self.tokens.introspect(token, client.app.tenant).await?)
    }

    /// The same where memory alone can tell; `None` when the store has to be asked.
    #[must_use]
    pub fn introspect_in_memory(&self, client: &StandingApp, token: &SecretString) -> Option<Told> {
        self.tokens.introspect_in_memory(token, client.app.tenant)
    }

    /// Ends a token that the client was issued (RFC 7009). `false` when there was nothing to end.
    #[tracing::instrument(name = "registry.revoke", skip_all)]
    pub async fn revoke(&self, client: &StandingApp, token: &SecretString) -> Result<bool, GrantRefused> {
        let client_id = client.app.id.to_string();
        Ok(self.tokens.revoke_presented(token, &client_id).await?)
    }
}

fn acting(client: &StandingApp) -> ActingClient {
    ActingClient {
        subject: Subject::App(client.app.id),
        tenant: client.app.tenant,
        allowed: client.app.scopes.clone(),
    }
}
