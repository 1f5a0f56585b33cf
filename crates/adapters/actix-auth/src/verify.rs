//! What the extractor asks of a verifier.

use std::sync::Arc;

use chancery_access::Principal;
use futures::future::BoxFuture;

/// Tells who a bearer token speaks for.
///
/// It is asked on an HTTP worker for every request: MUST NOT block.
pub trait VerifyBearer: Send + Sync {
    /// The caller, if the token is genuine, meant for this service, within its time and not revoked.
    fn verify(&self, token: &str) -> Result<Verdict, Unverified>;
}

/// What a verifier says about a token that is genuine.
pub enum Verdict {
    /// Who it speaks for: from memory, as it should be.
    Known(Arc<Principal>),
    /// Somebody else has to be asked, for instance because the revocations held here are too old. The wait MUST be short
    /// and bounded, and what is polled here MUST do no I/O itself: a worker may drop it at any time.
    Asking(BoxFuture<'static, Result<Arc<Principal>, Unverified>>),
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
