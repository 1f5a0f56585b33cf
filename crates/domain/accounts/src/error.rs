//! Why people were refused, one enum a use case.

use std::time::Duration;

use chancery_access::Denied;
use chancery_ambient::Fault;
use chancery_ids::TenantId;
use chancery_tokens::TokensError;

use crate::{EmailError, HashRefused, WeakPassword};

/// Why nobody was logged in. Until the password is known to be right there are only [`Self::InvalidCredentials`],
/// [`Self::TooManyFailures`], [`Self::Busy`] and [`Self::Fault`], whoever is asked for.
#[derive(Debug, thiserror::Error)]
pub enum LoginRefused {
    /// The address, the password, or that the person belongs to the tenant asked for. Which, is not told.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// The password is right; the account is closed.
    #[error("this account is disabled")]
    Disabled,
    /// The password is right; the invitation was not accepted yet.
    #[error("this account is not active yet")]
    Pending,
    /// The password is right; the person belongs to these and has to say which is meant.
    #[error("a tenant has to be named: this person belongs to several")]
    TenantRequired {
        /// The person's tenants, oldest membership first.
        tenants: Vec<TenantId>,
    },
    /// The password is right; the tenant is stopped for now.
    #[error("this tenant is suspended")]
    TenantSuspended,
    /// Too many logins failed from where this one comes from, whoever they were for.
    #[error("too many logins failed from here")]
    TooManyFailures {
        /// When to try again, at most.
        retry_after: Duration,
    },
    /// Too many passwords are being checked: try again after [`crate::HashPool::RETRY_AFTER`].
    #[error("too many passwords are being checked")]
    Busy,
    /// No tokens could be issued.
    #[error(transparent)]
    Tokens(#[from] TokensError),
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl LoginRefused {
    /// A stable label for logs and metrics. Callers are not told.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::InvalidCredentials => "invalid_credentials",
            Self::Disabled => "disabled",
            Self::Pending => "pending",
            Self::TenantRequired { .. } => "tenant_required",
            Self::TenantSuspended => "tenant_suspended",
            Self::TooManyFailures { .. } => "network_locked",
            Self::Busy => "busy",
            Self::Tokens(_) | Self::Fault(_) => "unavailable",
        }
    }
}

impl From<HashRefused> for LoginRefused {
    fn from(refused: HashRefused) -> Self {
        match refused {
            HashRefused::Busy => Self::Busy,
            // Nobody has a password that could not have been set.
            HashRefused::TooLong => Self::InvalidCredentials,
            HashRefused::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// Why a session was not refreshed. But for the token's own reasons, nothing was rotated.
#[derive(Debug, thiserror::Error)]
pub enum RefreshRefused {
    /// The refresh token was.
    #[error(transparent)]
    Token(#[from] chancery_tokens::RefreshRefused),
    /// None of the scopes asked for is the session's.
    #[error("none of the scopes is the session's")]
    NoScope,
    /// The session belongs to another client.
    #[error("the session belongs to another client")]
    OtherClient,
    /// Its owner is no member any more, or their account is not in use.
    #[error("the session's owner is gone")]
    OwnerGone,
    /// The tenant is stopped for now.
    #[error("this tenant is suspended")]
    TenantSuspended,
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a caller was shown no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileRefused {
    /// The caller is no person.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The caller is no member of the tenant any more.
    #[error("the caller is no member of the tenant any more")]
    Gone,
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why no first owner was made.
#[derive(Debug, thiserror::Error)]
pub enum FirstOwnerRefused {
    /// Mail could not reach this address.
    #[error(transparent)]
    Email(#[from] EmailError),
    /// The chosen password is too easy to guess.
    #[error(transparent)]
    Weak(#[from] WeakPassword),
    /// The chosen password was not hashed.
    #[error(transparent)]
    Hash(#[from] HashRefused),
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}
