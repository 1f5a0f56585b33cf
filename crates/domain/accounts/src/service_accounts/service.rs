//! What service accounts do, and what is done with their tokens.

use std::sync::Arc;

use chancery_ambient::Ambient;
use chancery_guards::{Quota, Rate};
use chancery_tokens::TokenService;

use super::{PayloadSignatures, ServiceAccountCatalogue, ServiceTokenStore};
use crate::{AccountWatch, watch::Unwatched};

/// How often tokens are issued, over every replica.
#[derive(Debug, Clone, Copy)]
pub struct IssueLimits {
    /// For one account.
    pub per_account: Rate,
    /// From one network (a /24, or a /64 of IPv6).
    pub per_network: Rate,
    /// In all.
    pub together: Rate,
}

/// What a deployment decides.
#[derive(Debug, Clone)]
pub struct ServiceAccountSettings {
    /// The name that payloads are signed for: a request of one environment means nothing in another.
    pub audience: String,
    /// How often.
    pub limits: IssueLimits,
}

/// What the service works with.
pub struct ServiceAccountParts {
    /// The accounts there are.
    pub catalogue: ServiceAccountCatalogue,
    /// Their tokens.
    pub store: Arc<dyn ServiceTokenStore>,
    /// Asks Vault; `None` when there is none, and then nothing is issued on signed requests.
    pub signatures: Option<Arc<dyn PayloadSignatures>>,
    /// Draws tokens.
    pub tokens: Arc<TokenService>,
    /// Counts for every replica.
    pub quota: Arc<dyn Quota>,
    /// Time and randomness.
    pub ambient: Ambient,
}

/// Issues tokens to service accounts, lists and ends them.
pub struct ServiceAccountService {
    pub(super) catalogue: ServiceAccountCatalogue,
    pub(super) store: Arc<dyn ServiceTokenStore>,
    pub(super) signatures: Option<Arc<dyn PayloadSignatures>>,
    pub(super) tokens: Arc<TokenService>,
    pub(super) quota: Arc<dyn Quota>,
    pub(super) ambient: Ambient,
    pub(super) settings: ServiceAccountSettings,
    pub(super) watch: Arc<dyn AccountWatch>,
}

impl ServiceAccountService {
    /// A service over one storage.
    #[must_use]
    pub fn new(parts: ServiceAccountParts, settings: ServiceAccountSettings) -> Self {
        Self {
            catalogue: parts.catalogue,
            store: parts.store,
            signatures: parts.signatures,
            tokens: parts.tokens,
            quota: parts.quota,
            ambient: parts.ambient,
            settings,
            watch: Arc::new(Unwatched),
        }
    }

    /// The same service, watched.
    #[must_use]
    pub fn watched_by(mut self, watch: Arc<dyn AccountWatch>) -> Self {
        self.watch = watch;
        self
    }
}
