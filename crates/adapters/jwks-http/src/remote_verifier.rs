//! Verifying with a key set that somebody else publishes.

use std::sync::Arc;

use chancery_ambient::Clock;
use chancery_token_verify::{AccessClaims, KeyRing, Refusal, Verifier};

use crate::{RemoteKeys, Unverifiable};

/// Judges access tokens by an issuer's published keys.
pub struct RemoteVerifier {
    verifier: Verifier,
    keys: RemoteKeys,
    clock: Arc<dyn Clock>,
}

impl RemoteVerifier {
    /// A verifier that takes what `verifier` takes.
    #[must_use]
    pub const fn new(verifier: Verifier, keys: RemoteKeys, clock: Arc<dyn Clock>) -> Self {
        Self {
            verifier,
            keys,
            clock,
        }
    }

    /// The claims of a valid access token. A key that is in no set yet is looked for once more, with a cool-down for all callers.
    /// Whether the token was revoked is not known here: ask the issuer (RFC 7662) where its remaining life is too long.
    pub async fn verify_access(&self, token: &str) -> Result<AccessClaims, Unverifiable> {
        let ring = self.keys.current().await.ok_or(Unverifiable::NoKeys)?;
        match self.judge(token, &ring) {
            Err(Refusal::UnknownKey) => {
                let ring = self.keys.after_another_look().await;
                let ring = ring.ok_or(Unverifiable::Refused(Refusal::UnknownKey))?;
                Ok(self.judge(token, &ring)?)
            }
            judged => Ok(judged?),
        }
    }

    fn judge(&self, token: &str, ring: &KeyRing) -> Result<AccessClaims, Refusal> {
        self.verifier.verify_access(token, ring, self.clock.now())
    }
}
