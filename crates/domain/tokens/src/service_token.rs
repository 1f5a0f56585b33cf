//! The long-lived tokens of service accounts. Who stores them decides, in one change, whether a new one is needed.

use std::time::Duration;

use chancery_access::{Principal, Scopes, Subject};
use chancery_ambient::Fault;
use chancery_ids::{SessionId, TenantId};
use secrecy::{ExposeSecret, SecretString};

use crate::{Binding, EndReason, Family, SealedToken, Seen, TokenMac, TokenService, service::hash_device};

/// What a service account shall be able to do.
#[derive(Debug, Clone)]
pub struct ServiceGrant {
    /// The account.
    pub account: String,
    /// Its tenant; [`TenantId::PLATFORM`] for a global one.
    pub tenant: TenantId,
    /// The most that its access tokens may allow.
    pub scopes: Scopes,
    /// For how long.
    pub life: Duration,
    /// The machine that alone may use it.
    pub fingerprint: Option<String>,
}

impl TokenService {
    /// Draws a refresh token for a service account, with the family that makes it valid once it is stored.
    pub fn draw_service_token(&self, grant: ServiceGrant) -> Result<(Family, SecretString), Fault> {
        let now = self.ambient.now().whole_seconds();
        let mut family = Family {
            sid: self.ambient.new_id(),
            tenant: grant.tenant,
            client_id: grant.account.clone(),
            subject: Subject::ServiceAccount(grant.account),
            scopes: grant.scopes,
            binding: Binding::to_device(grant.fingerprint.as_deref()),
            generation: 1,
            current: TokenMac {
                pepper_id: String::new(),
                mac: [0; 32],
            },
            previous: None,
            sealed: SealedToken(Vec::new()),
            signing_kid: String::new(),
            created_at: now,
            rotated_at: now,
            expires_at: now,
            ends_at: now.plus(grant.life),
            seen: Seen::default(),
            ended: None,
        };
        let token = self.first_token(&mut family, now)?;
        Ok((family, token))
    }

    /// Ends a token of a service account of the caller's tenant. `None` when there is none, `Some(false)` when it had ended
    /// before.
    pub async fn end_service_token(
        &self,
        caller: &Principal,
        sid: SessionId,
        reason: &str,
    ) -> Result<Option<bool>, Fault> {
        let family = self.families.find(sid).await?;
        let own = |family: &Family| family.tenant == caller.tenant && family.account().is_some();
        let Some(family) = family.filter(own) else {
            return Ok(None);
        };
        let event = self
            .revoked_event(family.tenant, sid.to_string(), "service token", reason)
            .with("by", caller.subject.to_string());
        Ok(Some(self.end_family(sid, EndReason::Revoked, event).await?))
    }

    /// The current token of a family once more, from its sealed copy, which has to be the one that was stored.
    pub fn reopen(&self, family: &Family) -> Result<SecretString, Fault> {
        let peppers = &self.settings.peppers;
        let opened = peppers.open(
            &family.sealed,
            &family.current.pepper_id,
            family.sid,
            family.generation,
        );
        opened
            .filter(|token| peppers.fits(token.expose_secret(), &family.current))
            .ok_or_else(|| Fault::corrupt("a sealed refresh token does not fit its check value"))
    }
}

impl Binding {
    /// To the device that the client named, if it named one.
    #[must_use]
    pub fn to_device(name: Option<&str>) -> Self {
        name.map_or(Self::None, |name| Self::Device(hash_device(name)))
    }
}
