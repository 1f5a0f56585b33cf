//! One key of a set.

use std::sync::Arc;

use chancery_ambient::Timestamp;
use chancery_jose::{KeyId, PublicJwk, SigningKey};
use serde::{Deserialize, Serialize};

/// Where a key stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Published, not signing: the spare.
    Staged,
    /// The one that signs.
    Active,
    /// Signs no more. Published while what it signed may still be shown.
    Retiring,
    /// Everything it signed has expired: refused.
    Retired,
    /// Somebody else may have it: refused, and never taken again.
    Compromised,
}

impl KeyState {
    /// Its name, as it is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
            Self::Compromised => "compromised",
        }
    }

    /// Whether verifiers see the key.
    #[must_use]
    pub const fn is_published(self) -> bool {
        match self {
            Self::Staged | Self::Active | Self::Retiring => true,
            Self::Retired | Self::Compromised => false,
        }
    }

    /// Whether the private half is kept.
    #[must_use]
    pub const fn is_private(self) -> bool {
        match self {
            Self::Staged | Self::Active => true,
            Self::Retiring | Self::Retired | Self::Compromised => false,
        }
    }
}

/// A key and its life so far. Cloning shares the private half, it makes no copy of it.
#[derive(Debug, Clone)]
pub struct Key {
    pub(crate) kid: KeyId,
    pub(crate) state: KeyState,
    pub(crate) public: PublicJwk,
    /// There exactly while [`KeyState::is_private`].
    pub(crate) private: Option<Arc<SigningKey>>,
    pub(crate) created_at: Timestamp,
    pub(crate) published_at: Option<Timestamp>,
    pub(crate) promoted_at: Option<Timestamp>,
    pub(crate) retires_at: Option<Timestamp>,
}

impl Key {
    pub(crate) fn staged(key: SigningKey, now: Timestamp) -> Self {
        Self {
            kid: key.kid().clone(),
            state: KeyState::Staged,
            public: key.public_jwk(),
            private: Some(Arc::new(key)),
            created_at: now,
            published_at: None,
            promoted_at: None,
            retires_at: None,
        }
    }

    pub(crate) fn become_active(&mut self, now: Timestamp) {
        self.state = KeyState::Active;
        self.promoted_at = Some(now);
    }

    /// Ends the signing: the private half goes.
    pub(crate) fn stop_signing(&mut self, state: KeyState, retires_at: Option<Timestamp>) {
        self.state = state;
        self.private = None;
        self.retires_at = retires_at;
    }

    /// Its name (RFC 7517 section 4.5): the thumbprint (RFC 7638), unless it was made elsewhere.
    #[must_use]
    pub const fn kid(&self) -> &KeyId {
        &self.kid
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> KeyState {
        self.state
    }

    /// The half that verifiers see.
    #[must_use]
    pub const fn public(&self) -> &PublicJwk {
        &self.public
    }

    /// Whether the private half is still here.
    #[must_use]
    pub const fn is_private(&self) -> bool {
        self.private.is_some()
    }

    /// When it was made.
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Since when verifiers can see it; `None` until a process has served it.
    #[must_use]
    pub const fn published_at(&self) -> Option<Timestamp> {
        self.published_at
    }

    /// When it became active.
    #[must_use]
    pub const fn promoted_at(&self) -> Option<Timestamp> {
        self.promoted_at
    }

    /// When everything it signed has expired; there once it is retiring.
    #[must_use]
    pub const fn retires_at(&self) -> Option<Timestamp> {
        self.retires_at
    }
}
