//! What is done with apps, and what they do.

use std::sync::Arc;

use chancery_ambient::Ambient;
use chancery_guards::ReplayGuard;
use chancery_tokens::TokenService;

use crate::{AppStore, AppSystemStore, known::KnownApps};

/// What a deployment decides.
#[derive(Debug, Clone)]
pub struct AppServiceSettings {
    /// What an assertion may name as its audience: the issuer and the token endpoint's address (RFC 7523 section 3).
    pub assertion_audiences: Vec<String>,
}

/// What the service works with.
pub struct AppServiceParts {
    /// Look-ups before a tenant is known.
    pub system: Arc<dyn AppSystemStore>,
    /// Apps of one tenant.
    pub apps: Arc<dyn AppStore>,
    /// Draws, exchanges and ends tokens.
    pub tokens: Arc<TokenService>,
    /// Accepts an assertion once.
    pub assertions: Arc<dyn ReplayGuard>,
    /// Time and randomness.
    pub ambient: Ambient,
}

/// Registers apps, authenticates them and grants them tokens.
pub struct AppService {
    pub(crate) system: Arc<dyn AppSystemStore>,
    pub(crate) apps: Arc<dyn AppStore>,
    pub(crate) tokens: Arc<TokenService>,
    pub(crate) assertions: Arc<dyn ReplayGuard>,
    pub(crate) ambient: Ambient,
    pub(crate) settings: AppServiceSettings,
    pub(crate) known: KnownApps,
}

impl AppService {
    /// A service over one storage.
    #[must_use]
    pub fn new(parts: AppServiceParts, settings: AppServiceSettings) -> Self {
        Self {
            system: parts.system,
            apps: parts.apps,
            tokens: parts.tokens,
            assertions: parts.assertions,
            ambient: parts.ambient,
            settings,
            known: KnownApps::default(),
        }
    }
}
