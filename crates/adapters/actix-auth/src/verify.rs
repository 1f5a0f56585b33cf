//! What the extractor asks of a verifier.

use chancery_access::Principal;

/// Tells who a bearer token speaks for.
///
/// It is asked on an HTTP worker for every request: MUST answer from memory and MUST NOT block.
pub trait VerifyBearer: Send + Sync {
    /// The caller, if the token is genuine, meant for this service, within its time and not revoked.
    fn verify(&self, token: &str) -> Result<Principal, Unverified>;
}

/// Why a token proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// It never will.
    #[error("the access token is not valid: {reason}")]
    Invalid {
        /// A stable label for logs and metrics. The caller is not told.
        reason: &'static str,
    },
    /// It cannot be told at the moment, for instance because keys or revocations are not loaded. Refused, so as to fail
    /// closed, and the caller may try again.
    #[error("access tokens cannot be verified at the moment")]
    Unavailable,
}
