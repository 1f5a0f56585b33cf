//! Refreshing a session and ending it.

use chancery_access::{Principal, Scopes, Subject};
use chancery_ambient::Fault;
use chancery_events::{Event, EventKind};
use chancery_ids::TenantId;
use chancery_token_verify::RefreshClaims;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use crate::{
    Authority, Binding, EndReason, EndRefused, Family, RefreshRefused, Rotation, Seen, TokenPair,
    TokenService, service::hash_device,
};

/// A refresh token that was found good. Whoever holds it looks up what its subject may do now, and hands both to
/// [`TokenService::refresh`].
#[derive(Debug)]
pub struct OpenRefresh {
    family: Family,
    standing: Standing,
    presented: SecretString,
    device: Option<String>,
    seen: Option<Seen>,
}

impl OpenRefresh {
    /// Notes from where the refresh is asked for.
    #[must_use]
    pub fn seen(self, seen: Option<Seen>) -> Self {
        Self { seen, ..self }
    }

    /// The tenant of its session.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.family.tenant
    }

    /// The client of its session.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.family.client_id
    }

    /// The most that its access tokens may allow.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.family.scopes
    }

    /// Whose session it is.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.family.subject
    }
}

/// Where a presented token stands in its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The family's own.
    Current,
    /// The one before it: good for a retry while the grace lasts.
    Previous,
    /// An older one, which nobody honest still has.
    Older,
}

impl TokenService {
    /// Judges a refresh token. A genuine one that was replaced too long ago ends its family, and this answers only after
    /// that is stored.
    #[tracing::instrument(name = "tokens.open_refresh", skip_all)]
    pub async fn open_refresh(
        &self,
        presented: &SecretString,
        device: Option<&str>,
    ) -> Result<OpenRefresh, RefreshRefused> {
        let opened = self.judge_refresh(presented, device).await;
        if let Err(refused) = &opened {
            self.watch.refreshed(refused.reason());
        }
        opened
    }

    async fn judge_refresh(
        &self,
        presented: &SecretString,
        device: Option<&str>,
    ) -> Result<OpenRefresh, RefreshRefused> {
        let claims = self.read(presented)?;
        let family = self
            .families
            .find(claims.sid)
            .await?
            .ok_or(RefreshRefused::Invalid)?;
        let standing = self
            .standing(presented, &claims, &family)
            .ok_or(RefreshRefused::Invalid)?;
        let now = self.ambient.now();
        if family.ended.is_some() {
            return Err(RefreshRefused::Ended);
        }
        if now >= claims.exp || now >= family.ends_at {
            return Err(RefreshRefused::Expired);
        }
        if !binding_fits(&family.binding, device) {
            return Err(RefreshRefused::WrongDevice);
        }
        let forgiven = match standing {
            Standing::Current => true,
            // A clock that is behind the one that rotated sees no age, and forgives.
            Standing::Previous => now.since(family.rotated_at) <= self.settings.grace,
            Standing::Older => false,
        };
        if !forgiven {
            return Err(self.end_reused(&family).await);
        }
        Ok(OpenRefresh {
            family,
            standing,
            presented: presented.clone(),
            device: device.map(ToOwned::to_owned),
            seen: None,
        })
    }

    /// Hands out the next pair. The current token is replaced, unless it is a service account's; the one before it gets the
    /// successor it had before. The access token allows what `authority` and the family both allow.
    #[tracing::instrument(name = "tokens.refresh", skip_all, fields(tenant = %open.family.tenant, session = %open.family.sid))]
    pub async fn refresh(
        &self,
        open: OpenRefresh,
        authority: Authority,
    ) -> Result<TokenPair, RefreshRefused> {
        let refreshed = self.next_pair(open, authority).await;
        let verdict = refreshed
            .as_ref()
            .map_or_else(RefreshRefused::reason, |_| "issued");
        self.watch.refreshed(verdict);
        refreshed
    }

    async fn next_pair(&self, open: OpenRefresh, authority: Authority) -> Result<TokenPair, RefreshRefused> {
        if open.standing == Standing::Previous {
            return self.successor(&open.family, &authority).await;
        }
        let mut family = open.family;
        let now = self.ambient.now();
        if !family.rotates() {
            return Ok(self.pair(&family, open.presented, &authority, now)?);
        }
        let generation = family.generation + 1;
        let next = self.new_refresh(&family, generation, now)?;
        let rotation = Rotation {
            replaces: family.current.clone(),
            current: next.mac,
            sealed: next.sealed,
            signing_kid: next.kid.clone(),
            at: now,
            expires_at: next.expires_at,
            seen: open.seen,
        };
        if self.families.rotate(family.sid, &rotation).await? {
            family.generation = generation;
            family.signing_kid = next.kid;
            family.expires_at = next.expires_at;
            return Ok(self.pair(&family, next.token, &authority, now)?);
        }
        // Somebody was faster with the same token: judged again, it is the previous one and gets the same successor.
        let again = self
            .judge_refresh(&open.presented, open.device.as_deref())
            .await?;
        match again.standing {
            Standing::Previous => self.successor(&again.family, &authority).await,
            Standing::Current | Standing::Older => {
                Err(Fault::unavailable("the session was changed by others at the same time").into())
            }
        }
    }

    /// Ends the session of a refresh token, expired or replaced ones too; `false` when the token means nothing here or its
    /// session had ended.
    #[tracing::instrument(name = "tokens.end_session", skip_all, fields(tenant = %by.tenant))]
    pub async fn end_session(&self, presented: &SecretString, by: &Principal) -> Result<bool, EndRefused> {
        let Ok(claims) = self.read(presented) else {
            return Ok(false);
        };
        let Some(family) = self.families.find(claims.sid).await? else {
            return Ok(false);
        };
        if self.standing(presented, &claims, &family).is_none() {
            return Ok(false);
        }
        if !family.belongs_to(by) {
            return Err(EndRefused::NotYours);
        }
        let ended = self.family_event(&family, EventKind::SessionEnded);
        Ok(self.end_family(family.sid, EndReason::Logout, ended).await?)
    }

    /// Claims that nobody vouched for yet: they tell which family to compare with.
    pub(crate) fn read(&self, presented: &SecretString) -> Result<RefreshClaims, RefreshRefused> {
        let unproven = self
            .verifier
            .read_refresh(presented.expose_secret())
            .map_err(|refusal| {
                tracing::debug!(reason = refusal.reason(), "refresh token refused");
                RefreshRefused::Invalid
            })?;
        Ok(unproven.unproven_claims().clone())
    }

    /// Where the token stands; `None` when it was never ours. The code over the presented bytes is what counts, so a token of
    /// a key that is long retired is as good as any.
    pub(crate) fn standing(
        &self,
        presented: &SecretString,
        claims: &RefreshClaims,
        family: &Family,
    ) -> Option<Standing> {
        let (token, peppers) = (presented.expose_secret(), &self.settings.peppers);
        if peppers.fits(token, &family.current) {
            return Some(Standing::Current);
        }
        if family
            .previous
            .as_ref()
            .is_some_and(|previous| peppers.fits(token, previous))
        {
            return Some(Standing::Previous);
        }
        // The two latest have their codes; only of older ones is the generation's code all that is left.
        let older = claims.generation + 1 < family.generation;
        let genuine = peppers.knows_generation(family.sid, claims.generation, &claims.generation_mac);
        (older && genuine).then_some(Standing::Older)
    }

    /// The family's current token once more, from its sealed copy, which has to be the one that was stored.
    async fn successor(&self, family: &Family, authority: &Authority) -> Result<TokenPair, RefreshRefused> {
        let refused = match self.reopen(family) {
            Ok(token) => return Ok(self.pair(family, token, authority, self.ambient.now())?),
            Err(refused) => refused,
        };
        let corrupt = self.family_event(family, EventKind::RefreshCorrupt);
        self.outbox.announce(&[corrupt]).await?;
        tracing::error!(session = %family.sid, "a sealed refresh token does not fit its check value; nothing was issued");
        Err(refused.into())
    }

    async fn end_reused(&self, family: &Family) -> RefreshRefused {
        let reused = self.family_event(family, EventKind::RefreshReused);
        match self.end_family(family.sid, EndReason::Reuse, reused).await {
            Ok(_) => {
                tracing::warn!(session = %family.sid, tenant = %family.tenant, "a refresh token was reused; the session has been ended");
                RefreshRefused::Reused
            }
            Err(fault) => fault.into(),
        }
    }

    pub(crate) fn family_event(&self, family: &Family, kind: EventKind) -> Event {
        Event::new(&self.ambient, family.tenant, kind, family.sid.to_string())
            .with("subject", family.subject.to_string())
    }
}

fn binding_fits(binding: &Binding, device: Option<&str>) -> bool {
    match (binding, device) {
        (Binding::None, _) => true,
        (Binding::Device(hash), Some(device)) => hash_device(device).ct_eq(hash).into(),
        (Binding::Device(_), None) => false,
    }
}
