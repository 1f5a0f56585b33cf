//! Why apps were refused, one enum a use case.

use chancery_access::{Denied, Scope};
use chancery_ambient::Fault;
use chancery_tokens::{ExchangeRefused, HolderRefused};

use crate::{AppNameError, BadKeys};

/// Why a client is not known. It learns no more than that.
#[derive(Debug, thiserror::Error)]
pub enum ClientRefused {
    /// No such app, or it did not prove itself. The reason is for logs.
    #[error("the client is not authenticated: {0}")]
    Invalid(&'static str),
    /// Its tenant is stopped for now.
    #[error("the client's tenant is suspended")]
    TenantSuspended,
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a client that proved itself got no token, or could not end one.
#[derive(Debug, thiserror::Error)]
pub enum GrantRefused {
    /// It did not prove itself.
    #[error(transparent)]
    Client(#[from] ClientRefused),
    /// It may never have this scope, or none is left.
    #[error("the scope {} is not granted to this client", .0.as_ref().map_or("asked for", |scope| scope.as_str()))]
    Scope(Option<Scope>),
    /// Tokens are not issued for this service.
    #[error("tokens are not issued for this audience")]
    UnknownAudience,
    /// It may not act as it asked.
    #[error(transparent)]
    Exchange(#[from] ExchangeRefused),
    /// The token is somebody else's.
    #[error(transparent)]
    Holder(#[from] HolderRefused),
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why an app was not registered, changed or shown.
#[derive(Debug, thiserror::Error)]
pub enum AppsRefused {
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The name.
    #[error(transparent)]
    Name(#[from] AppNameError),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] BadKeys),
    /// Nobody gives what they do not have.
    #[error("the scope {0} is not yours to give")]
    Scope(Scope),
    /// None was named.
    #[error("an app has at least one scope")]
    NoScope,
    /// There is no such app in the caller's tenant.
    #[error("no such app")]
    Absent,
    /// The tenant has as many as it may.
    #[error("a tenant has at most {most} apps")]
    TooMany {
        /// The most.
        most: u16,
    },
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}
