//! Why a token was refused.

use chancery_jose::{JwsError, strict_json::StrictJsonError};

/// Why a token was refused. Good for logs and metrics; a caller learns no more than that the token is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Not a compact JWS as we write them.
    #[error("the token is malformed")]
    Malformed,
    /// `alg` is not one that this kind of token is signed with.
    #[error("the token's algorithm is not accepted")]
    WrongAlgorithm,
    /// `typ` or the marker claim is that of another kind.
    #[error("the token is of another kind")]
    WrongKind,
    /// There is no `kid`, or the kind's key set holds no key of that name (any more).
    #[error("the token's key is not known")]
    UnknownKey,
    /// The signature is not one of the named key.
    #[error("the token's signature is wrong")]
    BadSignature,
    /// A claim is missing, occurs twice, has the wrong form, or has no place in this kind.
    #[error("the token's claims are invalid")]
    InvalidClaims,
    /// `iss` is not ours.
    #[error("the token has another issuer")]
    WrongIssuer,
    /// `aud` names nobody here.
    #[error("the token is for another audience")]
    WrongAudience,
    /// `exp`, `nbf` and `iat` contradict each other, or the token would live longer than its kind may.
    #[error("the token's lifetime is not one that its kind may have")]
    BadLifetime,
    /// `nbf` or `iat` is in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
}

impl Refusal {
    /// The label in metrics and logs. Stable.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::WrongKind => "wrong_kind",
            Self::UnknownKey => "unknown_key",
            Self::BadSignature => "bad_signature",
            Self::InvalidClaims => "invalid_claims",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::BadLifetime => "bad_lifetime",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
        }
    }
}

impl From<JwsError> for Refusal {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::TooLong | JwsError::Malformed | JwsError::RefusedMember(_) => Self::Malformed,
            JwsError::UnsupportedAlgorithm | JwsError::WrongAlgorithm => Self::WrongAlgorithm,
            JwsError::BadSignature => Self::BadSignature,
        }
    }
}

/// For claims; a header's JSON is part of [`JwsError`].
impl From<StrictJsonError> for Refusal {
    fn from(_: StrictJsonError) -> Self {
        Self::InvalidClaims
    }
}
