//! What can go wrong on the way to a key set.

use chancery_token_verify::Refusal;
use reqwest::StatusCode;

/// Why there is no client for a key set.
#[derive(Debug, thiserror::Error)]
pub enum RemoteKeysError {
    /// Anybody on the way could put their own key into the answer.
    #[error("{0} is neither https nor on this machine")]
    NotSecure(url::Url),
    /// reqwest needs one, and takes the process's own.
    #[error(
        "no TLS provider is installed: call rustls::crypto::ring::default_provider().install_default() first"
    )]
    NoTlsProvider,
    /// The client could not be made.
    #[error("the HTTP client could not be made")]
    Client(#[source] reqwest::Error),
}

/// Why a fetch brought nothing.
#[derive(Debug, thiserror::Error)]
pub enum FetchFailed {
    /// The issuer cannot be reached, or not in time.
    #[error("the key set could not be fetched")]
    Unreachable(#[source] reqwest::Error),
    /// It did not answer in time.
    #[error("the key set did not arrive in time")]
    Late,
    /// It answered something else. A redirect is not followed.
    #[error("the key set was answered with {0}")]
    Status(StatusCode),
    /// More than a key set ever needs.
    #[error("the key set is larger than {limit} bytes", limit = chancery_jose::JwkSet::MAX_BYTES)]
    TooLarge,
    /// It is no key set.
    #[error("the answer is no key set")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a token was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unverifiable {
    /// It proves nothing, and never will: 401.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There are no keys, or none that may still be trusted: 503, and the caller may try again.
    #[error("there is no key set to verify with at the moment")]
    NoKeys,
}
