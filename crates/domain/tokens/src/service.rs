//! Issuing tokens and verifying access tokens. Refreshing has a file of its own.

use std::{sync::Arc, time::Duration};

use chancery_access::{Scopes, Subject};
use chancery_ambient::{Ambient, Fault, Timestamp};
use chancery_auth_keys::{KeyService, SignedToken};
use chancery_events::{Event, EventKind, OutboxStore};
use chancery_ids::TokenId;
use chancery_token_verify::{AccessClaims, Audiences, RefreshClaims, TokenKind, Verifier};
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::{
    Authority, Binding, Family, Peppers, RefreshFamilySystemStore, RevocationFeed, RevocationSystemStore,
    SealedToken, SessionGrant, SessionStore, TokenMac, TokenPair, TokenWatch, TokensError, warm::WarmTokens,
    watch::Unwatched,
};

/// How long tokens live and whom they name.
#[derive(Debug)]
pub struct TokenSettings {
    /// `iss`.
    pub issuer: String,
    /// `aud` of access tokens; verification asks for one of them.
    pub audiences: Vec<String>,
    /// Life of an access token.
    pub access_life: Duration,
    /// Life of a refresh token that is not used.
    pub refresh_life: Duration,
    /// Life of a session however often it is refreshed.
    pub session_max: Duration,
    /// For how long a replaced refresh token gets its successor again.
    pub grace: Duration,
    /// What refresh tokens are checked and sealed with.
    pub peppers: Peppers,
    /// How many verified access tokens are remembered, so that their signature is checked once; 0 for none.
    pub warm_tokens: usize,
}

/// Issues, refreshes and verifies tokens.
pub struct TokenService {
    pub(crate) families: Arc<dyn RefreshFamilySystemStore>,
    pub(crate) sessions: Arc<dyn SessionStore>,
    pub(crate) revocation_store: Arc<dyn RevocationSystemStore>,
    pub(crate) revocations: Arc<RevocationFeed>,
    pub(crate) outbox: Arc<dyn OutboxStore>,
    pub(crate) keys: Arc<KeyService>,
    pub(crate) settings: TokenSettings,
    pub(crate) verifier: Verifier,
    /// For tokens that are shown to this server as what they are, not as proof of who calls: also those that name no other
    /// audience than the issuer.
    pub(crate) own_verifier: Verifier,
    pub(crate) warm: WarmTokens,
    pub(crate) watch: Arc<dyn TokenWatch>,
    pub(crate) ambient: Ambient,
}

/// A new refresh token and what the family's row keeps of it.
pub(crate) struct NewRefresh {
    pub(crate) token: SecretString,
    pub(crate) mac: TokenMac,
    pub(crate) sealed: SealedToken,
    pub(crate) kid: String,
    pub(crate) expires_at: Timestamp,
}

const LONGEST_DEVICE_NAME: usize = 255;

impl TokenService {
    /// A service over one storage and one set of keys. Until [`TokenService::revocations`] has been read once, every access
    /// token is asked of the store.
    #[must_use]
    pub fn new(
        families: Arc<dyn RefreshFamilySystemStore>,
        sessions: Arc<dyn SessionStore>,
        revocation_store: Arc<dyn RevocationSystemStore>,
        outbox: Arc<dyn OutboxStore>,
        keys: Arc<KeyService>,
        settings: TokenSettings,
        ambient: Ambient,
    ) -> Self {
        let verifier = Verifier::new(settings.issuer.clone(), settings.audiences.clone());
        let accepted = settings.audiences.iter().chain([&settings.issuer]);
        let own_verifier = Verifier::new(settings.issuer.clone(), accepted);
        let revocations = Arc::new(RevocationFeed::new(revocation_store.clone(), ambient.clone()));
        let warm = WarmTokens::with_room_for(settings.warm_tokens);
        Self {
            families,
            sessions,
            revocation_store,
            revocations,
            outbox,
            keys,
            settings,
            verifier,
            own_verifier,
            warm,
            watch: Arc::new(Unwatched),
            ambient,
        }
    }

    /// The same service, watched.
    #[must_use]
    pub fn watched_by(mut self, watch: Arc<dyn TokenWatch>) -> Self {
        self.watch = watch;
        self
    }

    /// The revocations in force. A worker reads them four times a second.
    #[must_use]
    pub const fn revocations(&self) -> &Arc<RevocationFeed> {
        &self.revocations
    }

    /// Begins a session: stores its family, then hands out its first pair. `events` are stored with it, and one that
    /// announces the session.
    #[tracing::instrument(name = "tokens.begin_session", skip_all, fields(tenant = %grant.tenant))]
    pub async fn begin_session(
        &self,
        grant: SessionGrant,
        mut events: Vec<Event>,
    ) -> Result<TokenPair, TokensError> {
        if grant
            .device
            .as_ref()
            .is_some_and(|device| device.len() > LONGEST_DEVICE_NAME)
        {
            return Err(TokensError::DeviceNameTooLong);
        }
        let now = self.ambient.now().whole_seconds();
        let mut family = Family {
            sid: self.ambient.new_id(),
            tenant: grant.tenant,
            subject: grant.subject,
            client_id: grant.client_id,
            scopes: grant.authority.scopes.clone(),
            binding: Binding::to_device(grant.device.as_deref()),
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
            ends_at: now.plus(self.settings.session_max),
            seen: grant.seen,
            ended: None,
        };
        let first = self.first_token(&mut family, now)?;
        let started = Event::new(
            &self.ambient,
            family.tenant,
            EventKind::SessionStarted,
            family.sid.to_string(),
        );
        events.push(
            started
                .with("subject", family.subject.to_string())
                .with("client_id", family.client_id.clone()),
        );
        self.families.begin(&family, &events).await?;
        Ok(self.pair(&family, first, &grant.authority, now)?)
    }

    /// Whether the subject has logged in before from the device of this name, which proves no more than that somebody knows
    /// the name. Devices should draw a long one.
    pub async fn knows_device(&self, subject: &Subject, device: &str) -> Result<bool, Fault> {
        self.families.has_device(subject, &hash_device(device)).await
    }

    /// A pair of an access token made now and a refresh token made before.
    pub(crate) fn pair(
        &self,
        family: &Family,
        refresh_token: SecretString,
        authority: &Authority,
        now: Timestamp,
    ) -> Result<TokenPair, Fault> {
        let now = now.whole_seconds();
        let scopes = authority.scopes.within(&family.scopes);
        let expires_at = now
            .plus(self.settings.access_life)
            .min(family.ends_at.whole_seconds());
        let claims = self.access_claims(family, authority, &scopes, now, expires_at);
        let access = self.sign(TokenKind::Access, &claims)?;
        let second = self.keys.sign_second(TokenKind::Access, &claims)?;
        Ok(TokenPair {
            access_token: access.token,
            secondary_access_token: second.map(|second| second.token),
            refresh_token,
            expires_at,
            expires_in: expires_at.since(now).as_secs(),
            refresh_expires_at: family.expires_at,
            kid: access.kid.to_string(),
            refresh_kid: family.signing_kid.clone(),
            scopes,
            session: family.sid,
            tenant: family.tenant,
            subject: family.subject.clone(),
            email_verified: authority.email_verified,
        })
    }

    fn access_claims(
        &self,
        family: &Family,
        authority: &Authority,
        scopes: &Scopes,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> AccessClaims {
        AccessClaims {
            iss: self.settings.issuer.clone(),
            aud: self.settings.audiences.iter().cloned().collect(),
            sub: family.subject.clone(),
            tenant_id: family.tenant.named(),
            scope: scopes.clone(),
            roles: authority.role.iter().map(ToString::to_string).collect(),
            token_use: TokenKind::Access.rules().marker.value.to_owned(),
            jti: self.ambient.new_id(),
            sid: Some(family.sid),
            client_id: family.client_id.clone(),
            sv: authority.subject_epoch,
            tv: authority.tenant_epoch,
            iat: now,
            nbf: now,
            exp: expires_at,
            email_verified: Some(authority.email_verified),
            account: family.account().map(ToOwned::to_owned),
            fingerprint: None,
            act: None,
            may_act: None,
        }
    }

    /// Signs, unless the key was revoked and the set without it is not loaded yet.
    pub(crate) fn sign<C: Serialize>(&self, kind: TokenKind, claims: &C) -> Result<SignedToken, Fault> {
        let began = self.ambient.clock.monotonic();
        let signed = self.keys.sign(kind, claims);
        let took = self.ambient.clock.monotonic().saturating_sub(began);
        self.watch.signed(kind, signed.is_ok(), took);
        let signed = signed?;
        if self.revocations.has_key(signed.kid.as_str()) {
            return Err(Fault::unavailable("the signing key has been revoked"));
        }
        Ok(signed)
    }

    /// Draws the first token of a family, and puts into the family what it keeps of it.
    pub(crate) fn first_token(&self, family: &mut Family, now: Timestamp) -> Result<SecretString, Fault> {
        let first = self.new_refresh(family, family.generation, now)?;
        family.current = first.mac;
        family.sealed = first.sealed;
        family.signing_kid = first.kid;
        family.expires_at = first.expires_at;
        Ok(first.token)
    }

    /// Draws the refresh token of a generation.
    pub(crate) fn new_refresh(
        &self,
        family: &Family,
        generation: u64,
        now: Timestamp,
    ) -> Result<NewRefresh, Fault> {
        let (now, sid) = (now.whole_seconds(), family.sid);
        let ends_at = family.ends_at.whole_seconds();
        let expires_at = if family.rotates() {
            now.plus(self.settings.refresh_life).min(ends_at)
        } else {
            ends_at
        };
        let claims = RefreshClaims {
            iss: self.settings.issuer.clone(),
            aud: Audiences::from_iter([self.settings.issuer.clone()]),
            sub: family.subject.clone(),
            tenant_id: family.tenant.named(),
            scope: family.scopes.clone(),
            token_use: TokenKind::Refresh.rules().marker.value.to_owned(),
            // One that never rotates is its family, and is named like it.
            jti: if family.rotates() {
                self.ambient.new_id()
            } else {
                TokenId::from_uuid(sid.as_uuid())
            },
            sid,
            generation,
            generation_mac: self.settings.peppers.generation_mac(sid, generation),
            iat: now,
            nbf: now,
            exp: expires_at,
            account: family.account().map(ToOwned::to_owned),
            fingerprint: None,
        };
        let signed = self.sign(TokenKind::Refresh, &claims)?;
        let sealed = self.settings.peppers.seal(
            signed.token.expose_secret(),
            sid,
            generation,
            self.ambient.random(),
        );
        Ok(NewRefresh {
            mac: self.settings.peppers.mac(signed.token.expose_secret()),
            sealed: sealed.ok_or_else(|| Fault::corrupt("a refresh token could not be sealed"))?,
            kid: signed.kid.to_string(),
            token: signed.token,
            expires_at,
        })
    }
}

/// SHA-256 of the name that a client gave its device: what is kept of it.
#[must_use]
pub fn hash_device(device: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    for (byte, computed) in hash.iter_mut().zip(digest(&SHA256, device.as_bytes()).as_ref()) {
        *byte = *computed;
    }
    hash
}
