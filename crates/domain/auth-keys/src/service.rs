//! Signing, publishing and looking after the stored set.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use chancery_ambient::{Ambient, Fault};
use chancery_ids::ReplicaId;
use chancery_jose::{Algorithm, KeyId, KeyType, SigningKey, jws};
use chancery_token_verify::{KeyRing, KeySetName, KindRules, TokenKind};
use secrecy::SecretString;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    JwksDocument, KeyChangeRefused, KeyLives, KeyReplicas, KeySet, KeyStore, Saved, snapshot::Snapshot,
};

/// A process that gave no word for so long has ended. Words are given every five seconds.
const LIVE_FOR: Duration = Duration::from_secs(30);

/// How often a change is tried again when others changed the set first.
const TRIES: usize = 16;

/// What the operator decides about keys.
#[derive(Debug, Clone)]
pub struct KeySettings {
    /// The set that is looked after.
    pub set: KeySetName,
    /// How long verifiers may keep the published document. The same everywhere it is published.
    pub jwks_max_age: Duration,
    /// The longest life of a token that others verify.
    pub longest_life: Duration,
    /// The name tokens carry and the document publishes, of an algorithm of the set's keys: for Ed25519 there are two (RFC 9864).
    pub algorithm: Algorithm,
    /// For how long a key may be staged before it signs.
    pub rotation_overlap: Duration,
    /// For how long a staged key that every verifier knows signs second tokens; `None` when it signs none.
    pub dual_signing: Option<Duration>,
}

/// Holds the key set in memory, signs with its active key, and keeps the stored one in order.
///
/// Signing, verifying and publishing do no I/O: they read a snapshot that [`KeyService::tick`] renews.
pub struct KeyService {
    store: Arc<dyn KeyStore>,
    replicas: Arc<dyn KeyReplicas>,
    /// This process among those that publish the set.
    replica: ReplicaId,
    settings: KeySettings,
    ambient: Ambient,
    current: ArcSwap<Snapshot>,
}

/// A signed token, and what signed it.
#[derive(Debug)]
pub struct SignedToken {
    /// The compact form.
    pub token: SecretString,
    /// The key.
    pub kid: KeyId,
}

impl KeyService {
    /// A service over the stored set. Makes the set when there is none, and its spare when that is missing.
    pub async fn open(
        store: Arc<dyn KeyStore>,
        replicas: Arc<dyn KeyReplicas>,
        settings: KeySettings,
        ambient: Ambient,
    ) -> Result<Self, Fault> {
        let set = load_or_create(&*store, settings.set, &ambient).await?;
        let service = Self::over(store, replicas, settings, ambient, set)?;
        service.tend().await?;
        Ok(service)
    }

    /// A service over the stored set, which is not touched; `None` when there is none.
    pub async fn open_existing(
        store: Arc<dyn KeyStore>,
        replicas: Arc<dyn KeyReplicas>,
        settings: KeySettings,
        ambient: Ambient,
    ) -> Result<Option<Self>, Fault> {
        let set = store.load(settings.set).await?;
        set.map(|set| Self::over(store, replicas, settings, ambient, set))
            .transpose()
    }

    fn over(
        store: Arc<dyn KeyStore>,
        replicas: Arc<dyn KeyReplicas>,
        settings: KeySettings,
        ambient: Ambient,
        set: KeySet,
    ) -> Result<Self, Fault> {
        let current = ArcSwap::from_pointee(Snapshot::of(set, &settings)?);
        Ok(Self {
            store,
            replicas,
            replica: ambient.new_id(),
            settings,
            ambient,
            current,
        })
    }

    /// Signs a token of `kind` with the active key. Kinds of another set are refused.
    pub fn sign<C: Serialize>(&self, kind: TokenKind, claims: &C) -> Result<SignedToken, Fault> {
        let rules = kind.rules();
        let own = self.settings.set;
        if rules.key_set != own {
            return Err(Fault::corrupt(format!(
                "{} tokens are not signed by the {own} set",
                rules.name
            )));
        }
        let key = self.current.load().signing.clone();
        self.sign_with(&key, rules, claims)
    }

    /// Signs the same with the staged key too, while second tokens are wanted and every verifier knows that key
    /// (`AUTH_DUAL_SIGNING_ENABLED`); `None` otherwise. A verifier that takes this token is ready for the promotion.
    pub fn sign_second<C: Serialize>(
        &self,
        kind: TokenKind,
        claims: &C,
    ) -> Result<Option<SignedToken>, Fault> {
        let current = self.current.load();
        let (Some(overlap), Some(second)) = (self.settings.dual_signing, &current.second) else {
            return Ok(None);
        };
        let now = self.ambient.now();
        if now < second.known_from {
            return Ok(None);
        }
        if now > second.known_from.plus(overlap) {
            tracing::debug!(
                kid = second.key.kid().as_str(),
                "the staged key signs no second tokens any more"
            );
            return Ok(None);
        }
        self.sign_with(&second.key, kind.rules(), claims).map(Some)
    }

    fn sign_with<C: Serialize>(
        &self,
        key: &SigningKey,
        rules: &KindRules,
        claims: &C,
    ) -> Result<SignedToken, Fault> {
        let header = jws::Header {
            algorithm: self.settings.algorithm,
            kid: Some(key.kid().clone()),
            typ: Some(rules.typ.into()),
        };
        let claims = serde_json::to_vec(claims).map_err(Fault::corrupt)?;
        let token = jws::sign(&header, &claims, key).map_err(Fault::unavailable)?;
        Ok(SignedToken {
            token: token.into(),
            kid: key.kid().clone(),
        })
    }

    /// The keys to verify with at this moment.
    #[must_use]
    pub fn ring(&self) -> Arc<KeyRing> {
        self.current.load().ring.clone()
    }

    /// The document that verifiers read.
    #[must_use]
    pub fn jwks(&self) -> Arc<JwksDocument> {
        self.current.load().jwks.clone()
    }

    /// The set as this process serves it.
    #[must_use]
    pub fn set(&self) -> KeySet {
        self.current.load().set.clone()
    }

    /// Whether one of the published keys is among those that `named` tells.
    #[must_use]
    pub fn publishes_any(&self, named: impl Fn(&KeyId) -> bool) -> bool {
        let current = self.current.load();
        let mut keys = current.set.keys().iter();
        keys.any(|key| key.state().is_published() && named(key.kid()))
    }

    /// Takes over what others have stored. After a fault the last good set stays in use.
    #[tracing::instrument(name = "auth_keys.reload", skip_all)]
    pub async fn reload(&self) -> Result<(), Fault> {
        let stored = self.store.load(self.settings.set).await?;
        let stored = stored.ok_or_else(|| Fault::corrupt("the stored key set is gone"))?;
        self.install(stored)
    }

    /// A worker's turn: takes over what others have stored, does what is due, and tells the others what is published here.
    #[tracing::instrument(name = "auth_keys.tick", skip_all)]
    pub async fn tick(&self) -> Result<(), Fault> {
        self.reload().await?;
        self.tend().await?;
        let current = self.current.load_full();
        match current.set.staged() {
            Some(staged) => {
                let now = self.ambient.now();
                self.replicas
                    .acknowledge(self.settings.set, self.replica, staged.kid(), now)
                    .await
            }
            None => Ok(()),
        }
    }

    /// An orderly end: the others need not wait for this process any more.
    #[tracing::instrument(name = "auth_keys.leave", skip_all)]
    pub async fn leave(&self) -> Result<(), Fault> {
        self.replicas.leave(self.replica).await
    }

    /// Stages a spare, when there is none.
    #[tracing::instrument(name = "auth_keys.stage", skip_all)]
    pub async fn stage(&self) -> Result<KeySet, KeyChangeRefused> {
        self.change(|set| set.stage(self.draw()?, self.ambient.now()).map(Some))
            .await
    }

    /// Puts a new spare in the place of the staged key ([`KeySet::replace_staged`]).
    #[tracing::instrument(name = "auth_keys.replace_staged", skip_all)]
    pub async fn replace_staged(&self) -> Result<KeySet, KeyChangeRefused> {
        let lives = self.settings.lives();
        self.change(|set| {
            set.replace_staged(self.draw()?, &lives, self.ambient.now())
                .map(Some)
        })
        .await
    }

    /// Lets the spare sign from now on, once every replica that is about has published it and verifiers had the time to learn it
    /// from the last of them ([`KeySet::promote`]).
    #[tracing::instrument(name = "auth_keys.promote", skip_all)]
    pub async fn promote(&self) -> Result<KeySet, KeyChangeRefused> {
        let lives = self.settings.lives();
        let now = self.ambient.now();
        let live = self.replicas.live(self.settings.set, now.minus(LIVE_FOR)).await?;
        self.change(|set| {
            if let Some(staged) = set.staged() {
                if let Some(behind) = live.iter().find(|word| word.kid != *staged.kid()) {
                    return Err(KeyChangeRefused::NotEverywhere(behind.replica));
                }
                let last = live.iter().map(|word| lives.known_from(word.since)).max();
                if let Some(ready_at) = last.filter(|ready_at| now < *ready_at) {
                    return Err(KeyChangeRefused::TooEarly { ready_at });
                }
            }
            set.promote(self.draw()?, &lives, self.ambient.now()).map(Some)
        })
        .await
    }

    /// Retires the keys of which nothing can be shown any more. What was due before has been done before: then the set stays.
    #[tracing::instrument(name = "auth_keys.retire", skip_all)]
    pub async fn retire_expired(&self) -> Result<KeySet, KeyChangeRefused> {
        self.change(|set| Ok(set.retire_expired(self.ambient.now())))
            .await
    }

    /// Erases a key that somebody else may have ([`KeySet::compromise`]).
    #[tracing::instrument(name = "auth_keys.compromise", skip_all)]
    pub async fn compromise(&self, kid: &str) -> Result<KeySet, KeyChangeRefused> {
        self.change(|set| set.compromise(kid, self.draw()?, self.ambient.now()).map(Some))
            .await
    }

    /// Applies `rule` to the stored set, again and again while others change it first. A rule with nothing to do gives `None`,
    /// and the set stays.
    async fn change(
        &self,
        rule: impl Fn(&KeySet) -> Result<Option<KeySet>, KeyChangeRefused>,
    ) -> Result<KeySet, KeyChangeRefused> {
        for _ in 0..TRIES {
            self.reload().await?;
            let before = self.current.load_full();
            let Some(after) = rule(&before.set)? else {
                return Ok(before.set.clone());
            };
            if self.store.save(before.set.version(), &after).await? == Saved::Stored {
                self.install(after.clone())?;
                return Ok(after);
            }
        }
        Err(Fault::unavailable("others keep changing the key set").into())
    }

    /// Does what is due to the set in use: notes that its keys are served, retires those whose time is over, stages a
    /// missing spare. Whoever changed the set first has done some of it; the rest waits for the next turn.
    async fn tend(&self) -> Result<(), Fault> {
        loop {
            let before = self.current.load_full();
            let now = self.ambient.now();
            let after = match before.set.served(now).or_else(|| before.set.retire_expired(now)) {
                Some(after) => after,
                None if before.set.staged().is_none() => {
                    before.set.stage(self.draw()?, now).map_err(Fault::corrupt)?
                }
                None => return Ok(()),
            };
            match self.store.save(before.set.version(), &after).await? {
                Saved::Stored => self.install(after)?,
                Saved::Conflict => return self.reload().await,
            }
        }
    }

    fn draw(&self) -> Result<SigningKey, Fault> {
        draw(self.settings.set, &self.ambient)
    }

    /// Puts `set` into use, unless a newer one is. An older one in the store is damage: somebody put an old copy back, and a
    /// key that was erased since would sign again.
    fn install(&self, set: KeySet) -> Result<(), Fault> {
        let next = Arc::new(Snapshot::of(set, &self.settings)?);
        let before = self.current.rcu(|current| {
            if current.set.version() < next.set.version() {
                next.clone()
            } else {
                current.clone()
            }
        });
        let (in_use, offered) = (&before.set, &next.set);
        if in_use.version() > offered.version() {
            return Err(Fault::corrupt(format!(
                "the stored key set has version {}, older than version {} in use",
                offered.version(),
                in_use.version()
            )));
        }
        if in_use.version() < offered.version() {
            tracing::info!(
                set = %offered.name(),
                version = offered.version(),
                kid = next.signing.kid().as_str(),
                "a new key set is in use"
            );
        }
        Ok(())
    }
}

impl KeySettings {
    pub(crate) const fn lives(&self) -> KeyLives {
        KeyLives {
            jwks_max_age: self.jwks_max_age,
            longest_life: self.longest_life,
            rotation_overlap: self.rotation_overlap,
        }
    }
}

async fn load_or_create(store: &dyn KeyStore, name: KeySetName, ambient: &Ambient) -> Result<KeySet, Fault> {
    for _ in 0..TRIES {
        if let Some(set) = store.load(name).await? {
            return Ok(set);
        }
        let first = KeySet::first(name, draw(name, ambient)?, draw(name, ambient)?, ambient.now());
        let first = first.map_err(Fault::corrupt)?;
        if store.save(0, &first).await? == Saved::Stored {
            return Ok(first);
        }
    }
    Err(Fault::unavailable(
        "the key set is neither there nor can it be made",
    ))
}

/// A new key of the type that `set` holds.
fn draw(set: KeySetName, ambient: &Ambient) -> Result<SigningKey, Fault> {
    let key = match set.key_type() {
        KeyType::Ed25519 => SigningKey::generate_ed25519(&Zeroizing::new(ambient.random())),
        KeyType::P256 => SigningKey::generate_p256(),
    };
    key.map_err(Fault::unavailable)
}

#[cfg(test)]
mod tests;
