//! Why service accounts got no token.

use std::time::Duration;

use chancery_access::{Denied, Scope};
use chancery_ambient::Fault;

use super::PayloadRefused;

/// Why no token was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueRefused {
    /// The payload cannot be read, or does not count.
    #[error(transparent)]
    Payload(#[from] PayloadRefused),
    /// What was signed is not what is asked for.
    #[error("Vault payload {0} mismatch.")]
    Mismatch(&'static str),
    /// Vault did not sign it.
    #[error("Invalid Vault signature.")]
    BadSignature,
    /// It was used before.
    #[error("Vault payload nonce already used.")]
    NonceUsed,
    /// The server has no Vault to ask.
    #[error("Vault client not configured.")]
    NotConfigured,
    /// The catalogue does not allow it.
    #[error(transparent)]
    Rule(#[from] RuleBroken),
    /// Too many tokens were asked for.
    #[error("Too many tokens were requested{}.", .account.as_ref().map(|name| format!(" for {name}")).unwrap_or_default())]
    TooMany {
        /// The account whose limit it is; the limit of all, or of a network, when absent.
        account: Option<String>,
        /// When to try again.
        retry_after: Duration,
    },
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Something outside failed: nothing was issued.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl IssueRefused {
    /// The label in metrics. Stable.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Payload(_) => "payload",
            Self::Mismatch(_) => "mismatch",
            Self::BadSignature => "bad_signature",
            Self::NonceUsed => "nonce_used",
            Self::NotConfigured => "not_configured",
            Self::Rule(_) => "rule",
            Self::TooMany { .. } => "too_many",
            Self::Denied(_) => "denied",
            Self::Fault(_) => "unavailable",
        }
    }
}

/// What the catalogue does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleBroken {
    /// There is no such account.
    #[error("Unknown service account '{0}'.")]
    UnknownAccount(String),
    /// None was asked for.
    #[error("At least one scope is required.")]
    NoScope,
    /// The account may not have this.
    #[error("Scope '{0}' is not allowed for this account.")]
    ScopeNotAllowed(Scope),
    /// The account's tokens are for one tenant.
    #[error("tenant_id is required for this account.")]
    TenantRequired,
    /// The account's tokens are for no tenant.
    #[error("tenant_id is not allowed for this account.")]
    TenantForbidden,
    /// There is no such tenant, or it is stopped.
    #[error("The tenant does not exist or is not active.")]
    TenantNotActive,
    /// Longer than the account's tokens live.
    #[error("lifetime_minutes must be between 1 and {most}.")]
    Lifetime {
        /// The most, in minutes.
        most: u64,
    },
    /// The name of the machine is too long.
    #[error("fingerprint must have at most 255 bytes.")]
    Fingerprint,
}

/// Why tokens were not listed or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServiceTokensRefused {
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is no such token.
    #[error("no such token")]
    Absent,
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}
