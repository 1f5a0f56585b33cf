//! What a process serves and signs with at one moment.

use std::sync::Arc;

use chancery_ambient::{Fault, Timestamp};
use chancery_jose::SigningKey;
use chancery_token_verify::{KeyRing, KeySetName};

use crate::{JwksDocument, KeySet, KeySettings};

/// A key set made ready. Immutable: a change makes a new one, so nobody sees half of it.
pub(crate) struct Snapshot {
    pub(crate) set: KeySet,
    pub(crate) ring: Arc<KeyRing>,
    pub(crate) signing: Arc<SigningKey>,
    pub(crate) jwks: Arc<JwksDocument>,
    /// The staged key, once it is published.
    pub(crate) second: Option<Second>,
}

/// A key that may sign second tokens.
pub(crate) struct Second {
    pub(crate) key: Arc<SigningKey>,
    /// From when on every verifier knows it.
    pub(crate) known_from: Timestamp,
}

impl Snapshot {
    pub(crate) fn of(set: KeySet, settings: &KeySettings) -> Result<Self, Fault> {
        let ring = match set.name() {
            KeySetName::Api => KeyRing::new(set.published(), []),
            KeySetName::Trust => KeyRing::new([], set.published()),
        };
        let second = set.staged().and_then(|staged| {
            Some(Second {
                key: staged.private.clone()?,
                known_from: settings.lives().known_from(staged.published_at?),
            })
        });
        let active = set.active().and_then(|key| key.private.clone());
        Ok(Self {
            ring: Arc::new(ring.map_err(Fault::corrupt)?),
            signing: active.ok_or_else(|| Fault::corrupt("the key set has no key that signs"))?,
            jwks: Arc::new(JwksDocument::of(&set, settings.algorithm, settings.jwks_max_age)?),
            second,
            set,
        })
    }
}
