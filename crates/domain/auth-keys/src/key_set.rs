//! A key set and the rules of its change. Each rule gives the whole next set, one version up, or says why not.

use std::time::Duration;

use chancery_ambient::Timestamp;
use chancery_jose::{PublicJwk, SigningKey};
use chancery_token_verify::KeySetName;

use crate::{Key, KeyChangeRefused, KeyState, StoredSetError, stored};

/// Added to every wait for what others hold: clocks differ and answers travel.
const MARGIN: Duration = Duration::from_mins(1);

/// The keys of one name. It has exactly one active key, at most one staged, and a private half where one may sign and
/// nowhere else.
#[derive(Debug, Clone)]
pub struct KeySet {
    pub(crate) name: KeySetName,
    pub(crate) version: u64,
    pub(crate) changed_at: Timestamp,
    pub(crate) keys: Vec<Key>,
}

/// The times that decide when a key may sign and when it is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyLives {
    /// How long verifiers may keep a published document.
    pub jwks_max_age: Duration,
    /// The longest life of what the set signs and others verify.
    pub longest_life: Duration,
    /// For how long a key may be staged before it signs.
    pub rotation_overlap: Duration,
}

impl KeyLives {
    /// From when on every verifier knows a key that all replicas publish since `published_at`: many verifiers keep a document
    /// longer than they are told.
    #[must_use]
    pub fn known_from(&self, published_at: Timestamp) -> Timestamp {
        published_at.plus(self.jwks_max_age * 2)
    }

    /// Until when something that a key signs at `now` may be shown.
    fn shown_until(&self, now: Timestamp) -> Timestamp {
        now.plus(self.longest_life + self.jwks_max_age + MARGIN)
    }
}

/// A key made elsewhere, to be taken over with its name and its age.
#[derive(Debug)]
pub struct AdoptedKey<K> {
    /// The key, under the name it had.
    pub key: K,
    /// When it was made.
    pub created_at: Timestamp,
}

impl KeySet {
    /// The first set: `active` signs from now on, `spare` waits. No verifier knows either, so the first needs no wait.
    pub fn first(
        name: KeySetName,
        active: SigningKey,
        spare: SigningKey,
        now: Timestamp,
    ) -> Result<Self, KeyChangeRefused> {
        let mut set = Self {
            name,
            version: 1,
            changed_at: now,
            keys: Vec::new(),
        };
        set.add(active, now)?.become_active(now);
        set.add(spare, now)?;
        Ok(set)
    }

    /// A set made elsewhere. Its active and staged keys count as published since they were made; keys that had stopped
    /// signing are kept as retired, so that their names are not taken again.
    pub fn adopt(
        name: KeySetName,
        active: AdoptedKey<SigningKey>,
        spare: Option<AdoptedKey<SigningKey>>,
        retired: Vec<AdoptedKey<PublicJwk>>,
    ) -> Result<Self, StoredSetError> {
        let changed_at = spare.as_ref().map_or(active.created_at, |spare| spare.created_at);
        let mut keys = Vec::new();
        for AdoptedKey { key, created_at } in std::iter::once(active).chain(spare) {
            keys.push(Key {
                published_at: Some(created_at),
                ..Key::staged(key, created_at)
            });
        }
        if let Some(active) = keys.first_mut() {
            active.become_active(active.created_at);
        }
        for AdoptedKey { key, created_at } in retired {
            // A key without a name signed nothing that could be shown again.
            let Some(kid) = key.kid().cloned() else { continue };
            keys.push(Key {
                kid,
                state: KeyState::Retired,
                public: key,
                private: None,
                created_at,
                published_at: Some(created_at),
                promoted_at: None,
                retires_at: None,
            });
        }
        stored::checked(Self {
            name,
            version: 1,
            changed_at: changed_at.max(Timestamp::EPOCH),
            keys,
        })
    }

    /// Which set it is.
    #[must_use]
    pub const fn name(&self) -> KeySetName {
        self.name
    }

    /// 1 for the first, one more with each change.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// When this version was made.
    #[must_use]
    pub const fn changed_at(&self) -> Timestamp {
        self.changed_at
    }

    /// Every key it has or had, oldest first.
    #[must_use]
    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The key that signs.
    #[must_use]
    pub fn active(&self) -> Option<&Key> {
        self.keys.iter().find(|key| key.state == KeyState::Active)
    }

    /// The spare.
    #[must_use]
    pub fn staged(&self) -> Option<&Key> {
        self.keys.iter().find(|key| key.state == KeyState::Staged)
    }

    /// What verifiers see: staged, active and retiring keys.
    pub fn published(&self) -> impl Iterator<Item = &PublicJwk> {
        self.keys
            .iter()
            .filter(|key| key.state.is_published())
            .map(|key| &key.public)
    }

    /// Adds a spare, when there is none.
    pub fn stage(&self, spare: SigningKey, now: Timestamp) -> Result<Self, KeyChangeRefused> {
        if let Some(staged) = self.staged() {
            return Err(KeyChangeRefused::SpareExists(staged.kid.clone()));
        }
        let mut next = self.next(now);
        next.add(spare, now)?;
        Ok(next)
    }

    /// Puts `spare` in the place of the staged key, if there is one. That one may have signed second tokens, so it is published on
    /// while they may be shown.
    pub fn replace_staged(
        &self,
        spare: SigningKey,
        lives: &KeyLives,
        now: Timestamp,
    ) -> Result<Self, KeyChangeRefused> {
        let mut next = self.next(now);
        if let Some(staged) = next.keys.iter_mut().find(|key| key.state == KeyState::Staged) {
            staged.stop_signing(KeyState::Retiring, Some(lives.shown_until(now)));
        }
        next.add(spare, now)?;
        Ok(next)
    }

    /// Notes that verifiers can see every published key from now on; `None` when that was known. The wait before a
    /// promotion counts from here, not from when the key was made: it may have been made by a process that serves nobody.
    #[must_use]
    pub fn served(&self, now: Timestamp) -> Option<Self> {
        let mut next = self.next(now);
        let mut new = next
            .keys
            .iter_mut()
            .filter(|key| key.state.is_published() && key.published_at.is_none())
            .peekable();
        new.peek()?;
        new.for_each(|key| key.published_at = Some(now));
        Some(next)
    }

    /// The spare becomes the key that signs, `spare` becomes the next spare, and the old key keeps only its public half.
    ///
    /// Refused before the spare has been published for twice the time that verifiers keep a document, and when it has been
    /// staged for longer than a key may be.
    pub fn promote(
        &self,
        spare: SigningKey,
        lives: &KeyLives,
        now: Timestamp,
    ) -> Result<Self, KeyChangeRefused> {
        let staged = self.staged().ok_or(KeyChangeRefused::NoSpare)?;
        let published_at = staged.published_at.ok_or(KeyChangeRefused::NotServedYet)?;
        let ready_at = lives.known_from(published_at);
        if now < ready_at {
            return Err(KeyChangeRefused::TooEarly { ready_at });
        }
        if now > staged.created_at.plus(lives.rotation_overlap) {
            return Err(KeyChangeRefused::TooOld);
        }
        let mut next = self.next(now);
        let retires_at = lives.shown_until(now);
        for key in &mut next.keys {
            match key.state {
                KeyState::Active => key.stop_signing(KeyState::Retiring, Some(retires_at)),
                KeyState::Staged => key.become_active(now),
                KeyState::Retiring | KeyState::Retired | KeyState::Compromised => {}
            }
        }
        next.add(spare, now)?;
        Ok(next)
    }

    /// Retires the keys of which nothing can be shown any more; `None` when there is none.
    #[must_use]
    pub fn retire_expired(&self, now: Timestamp) -> Option<Self> {
        let expired = |key: &Key| {
            key.state == KeyState::Retiring && key.retires_at.is_none_or(|retires_at| retires_at <= now)
        };
        let mut next = self.next(now);
        let mut due = next.keys.iter_mut().filter(|key| expired(key)).peekable();
        due.peek()?;
        due.for_each(|key| key.state = KeyState::Retired);
        Some(next)
    }

    /// Erases a key that somebody else may have, whatever its state; its name stays as a mark that nothing may ever be
    /// called so again. If it was the active key the spare takes its place without any wait, and if that leaves no spare,
    /// `fresh` becomes one. A key that is marked already stays so.
    pub fn compromise(&self, kid: &str, fresh: SigningKey, now: Timestamp) -> Result<Self, KeyChangeRefused> {
        let mut next = self.next(now);
        let marked = next.keys.iter_mut().find(|key| key.kid.as_str() == kid);
        let marked = marked.ok_or_else(|| KeyChangeRefused::Unknown(kid.chars().take(64).collect()))?;
        marked.stop_signing(KeyState::Compromised, marked.retires_at);
        if next.active().is_none()
            && let Some(spare) = next.keys.iter_mut().find(|key| key.state == KeyState::Staged)
        {
            spare.become_active(now);
        }
        if next.active().is_none() {
            next.add(fresh, now)?.become_active(now);
        } else if next.staged().is_none() {
            next.add(fresh, now)?;
        }
        Ok(next)
    }

    fn next(&self, now: Timestamp) -> Self {
        Self {
            version: self.version + 1,
            changed_at: now,
            ..self.clone()
        }
    }

    /// Adds a key, staged, that is of the set's type and was never in it, under whatever name.
    fn add(&mut self, key: SigningKey, now: Timestamp) -> Result<&mut Key, KeyChangeRefused> {
        if key.key_type() != self.name.key_type() {
            return Err(KeyChangeRefused::WrongType(self.name));
        }
        let thumbprint = key.public_jwk().thumbprint();
        let known = |old: &Key| old.kid == *key.kid() || old.public.thumbprint() == thumbprint;
        if self.keys.iter().any(known) {
            return Err(KeyChangeRefused::Known(key.kid().clone()));
        }
        Ok(self.keys.push_mut(Key::staged(key, now)))
    }
}

#[cfg(test)]
mod tests;
