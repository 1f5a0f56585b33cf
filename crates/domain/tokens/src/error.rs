//! Why tokens were not issued or taken.

use chancery_ambient::Fault;
use chancery_token_verify::Refusal;

/// Why a session did not begin.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The device's name is longer than 255 bytes.
    #[error("the device's name is too long")]
    DeviceNameTooLong,
    /// Something outside failed: nothing was handed out.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a refresh token was not taken. Callers are told that it is invalid, and no more.
#[derive(Debug, thiserror::Error)]
pub enum RefreshRefused {
    /// Not a token of ours, or one whose family or pepper is gone.
    #[error("the refresh token is invalid")]
    Invalid,
    /// The token or its family has expired.
    #[error("the refresh token has expired")]
    Expired,
    /// The family was ended before.
    #[error("the session has ended")]
    Ended,
    /// The request did not show what the family is bound to.
    #[error("the refresh token is bound to another device")]
    WrongDevice,
    /// A token that had been replaced was used again: its family has been ended.
    #[error("the refresh token was used before; the session has been ended")]
    Reused,
    /// Something outside failed: nothing changed, or the same request gets the same answer again.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl RefreshRefused {
    /// A stable label for logs and metrics. Callers are not told.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Expired => "expired",
            Self::Ended => "ended",
            Self::WrongDevice => "wrong_device",
            Self::Reused => "reused",
            Self::Fault(_) => "unavailable",
        }
    }
}

/// Why a session was not ended.
#[derive(Debug, thiserror::Error)]
pub enum EndRefused {
    /// The token belongs to somebody else.
    #[error("the refresh token belongs to somebody else")]
    NotYours,
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why an access token was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TokenRefused {
    /// It proves nothing, or nothing any more.
    #[error(transparent)]
    Invalid(#[from] Refusal),
    /// It was good, and was revoked before its time.
    #[error("the token has been revoked")]
    Revoked,
    /// Whether it was revoked cannot be told at the moment.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why nobody was let act for the caller.
#[derive(Debug, thiserror::Error)]
pub enum DelegationRefused {
    /// The presented token is not the one of this call.
    #[error("the token is not the caller's")]
    NotTheCaller,
    /// Too many act for somebody already.
    #[error("the chain of actors would be too long")]
    TooDeep,
    /// Nothing of what was asked for is the caller's to give.
    #[error("none of the scopes can be passed on")]
    NoScope,
    /// The caller's token.
    #[error(transparent)]
    Token(#[from] TokenRefused),
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why tokens were not exchanged.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeRefused {
    /// The subject's token does not count.
    #[error("the subject token is not valid")]
    Subject(#[source] TokenRefused),
    /// The actor's token does not count.
    #[error("the actor token is not valid")]
    Actor(#[source] TokenRefused),
    /// The actor's token is not the client's own.
    #[error("the actor token is not the client's own")]
    NotTheClient,
    /// One of the tokens belongs to another tenant.
    #[error("the tokens belong to different tenants")]
    OtherTenant,
    /// The subject did not say that this client may act.
    #[error("the subject token does not let this client act")]
    NotAllowed,
    /// Too many act for somebody already.
    #[error("the chain of actors would be too long")]
    TooDeep,
    /// Nothing is left of what was asked for.
    #[error("none of the scopes can be granted")]
    NoScope,
    /// Tokens are not issued for this service.
    #[error("tokens are not issued for this audience")]
    UnknownAudience,
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a token was not ended by its client.
#[derive(Debug, thiserror::Error)]
pub enum HolderRefused {
    /// It was issued to another client.
    #[error("the token was issued to another client")]
    NotTheClients,
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl TokenRefused {
    /// A stable label for logs and metrics. Callers are not told.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(refusal) => refusal.reason(),
            Self::Revoked => "revoked",
            Self::Fault(_) => "unavailable",
        }
    }
}
