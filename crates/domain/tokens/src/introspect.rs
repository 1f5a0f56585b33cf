//! What a token is worth at this moment (RFC 7662), and its end by whoever holds it (RFC 7009).

use chancery_ambient::Fault;
use chancery_events::EventKind;
use chancery_ids::TenantId;
use chancery_token_verify::{AccessClaims, RefreshClaims, Refusal};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    EndReason, Family, HolderRefused, RevocationOrder, Revoked, Standing as Feed, TokenRefused, TokenService,
    refresh::Standing, warm::Genuine,
};

/// A token that counts at this moment.
#[derive(Debug)]
pub enum Active {
    /// An access token.
    Access(Box<AccessClaims>),
    /// The current refresh token of a live session.
    Refresh(Box<RefreshClaims>, Box<Family>),
}

impl TokenService {
    /// What a token says, if it counts at this moment and belongs to `tenant`. Asking changes nothing: an old refresh token is
    /// only told to count no more.
    #[tracing::instrument(name = "tokens.introspect", skip_all, fields(%tenant))]
    pub async fn introspect(&self, token: &SecretString, tenant: TenantId) -> Result<Option<Active>, Fault> {
        match self.live(token).await {
            Ok(genuine) => return Ok(own(&genuine, tenant)),
            Err(TokenRefused::Fault(fault)) => return Err(fault),
            Err(TokenRefused::Invalid(_) | TokenRefused::Revoked) => {}
        }
        let Some((claims, family)) = self.current_refresh(token).await? else {
            return Ok(None);
        };
        let own = family.tenant == tenant;
        Ok(own.then(|| Active::Refresh(Box::new(claims), Box::new(family))))
    }

    /// The same where memory alone can tell; `None` when the store has to be asked: about what is no access token, and while the
    /// revocations held here are too old.
    #[must_use]
    pub fn introspect_in_memory(&self, token: &SecretString, tenant: TenantId) -> Option<Option<Active>> {
        match self.genuine(token.expose_secret(), &self.own_verifier) {
            Ok(genuine) => match self.revocations.standing(&genuine.marks) {
                Feed::Good => Some(own(&genuine, tenant)),
                Feed::Revoked => Some(None),
                Feed::Unknown => None,
            },
            Err(Refusal::WrongKind) => None,
            Err(_) => Some(None),
        }
    }

    /// Ends a token for the client it was issued to. A refresh token takes its session with it. `false` when there is nothing
    /// to end.
    #[tracing::instrument(name = "tokens.revoke_presented", skip_all, fields(client_id))]
    pub async fn revoke_presented(
        &self,
        token: &SecretString,
        client_id: &str,
    ) -> Result<bool, HolderRefused> {
        match self.live(token).await {
            Ok(genuine) if genuine.claims.client_id == client_id => {
                let claims = &genuine.claims;
                let order = RevocationOrder::new(&self.ambient);
                let tenant = claims.tenant_id.unwrap_or(TenantId::PLATFORM);
                let event = self.revoked_event(tenant, claims.jti.to_string(), "token", "its client");
                let revocation = order.of(Revoked::Token(claims.jti));
                self.revocation_store
                    .revoke(std::slice::from_ref(&revocation), &[event])
                    .await?;
                self.revocations.learn(revocation);
                self.watch.revoked("token");
                return Ok(true);
            }
            Ok(_) => return Err(HolderRefused::NotTheClients),
            Err(TokenRefused::Fault(fault)) => return Err(fault.into()),
            Err(TokenRefused::Invalid(_) | TokenRefused::Revoked) => {}
        }
        let Some((_, family)) = self.current_refresh(token).await? else {
            return Ok(false);
        };
        if family.client_id != client_id {
            return Err(HolderRefused::NotTheClients);
        }
        let event = self.family_event(&family, EventKind::SessionEnded);
        Ok(self.end_family(family.sid, EndReason::Revoked, event).await?)
    }

    /// The family whose current token this is, while both last.
    async fn current_refresh(&self, token: &SecretString) -> Result<Option<(RefreshClaims, Family)>, Fault> {
        let Ok(claims) = self.read(token) else {
            return Ok(None);
        };
        let Some(family) = self.families.find(claims.sid).await? else {
            return Ok(None);
        };
        let now = self.ambient.now();
        let current = self.standing(token, &claims, &family) == Some(Standing::Current);
        let lasts = family.ended.is_none() && now < claims.exp && now < family.ends_at;
        Ok((current && lasts).then_some((claims, family)))
    }
}

fn own(genuine: &Genuine, tenant: TenantId) -> Option<Active> {
    let own = genuine.claims.tenant_id == Some(tenant);
    own.then(|| Active::Access(Box::new(genuine.claims.clone())))
}
