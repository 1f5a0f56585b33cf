//! Why a key or a signed message was refused. No text here repeats a member's value: it may be secret.

use crate::strict_json::StrictJsonError;

/// Why a key was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// More bytes, or more keys in a set, than any honest document has.
    #[error("the key document is too large")]
    TooLarge,
    /// Not the JSON object it should be.
    #[error("the key is not a JSON object this crate reads: {0}")]
    Json(#[from] StrictJsonError),
    /// A member is not there.
    #[error("the key lacks the member `{0}`")]
    MissingMember(&'static str),
    /// A member has the wrong form or length.
    #[error("the member `{0}` of the key is invalid")]
    InvalidMember(&'static str),
    /// A key of a kind that is neither signed nor verified with here: RSA, a shared secret, a key for encryption.
    #[error("{0} keys are not supported, only Ed25519 and P-256 keys are")]
    UnsupportedKeyType(String),
    /// The key is marked for another use than signatures (`use`, `key_ops`, RFC 7517 sections 4.2 and 4.3).
    #[error("the key is not meant for signatures")]
    NotForSignatures,
    /// `alg` names an algorithm that this key cannot be used with.
    #[error("the key's `alg` does not fit its type")]
    AlgorithmMismatch,
    /// A private member stands where a public key was expected. Whoever published it has to replace the key.
    #[error("the document holds a private key where a public one belongs")]
    PrivateMember,
    /// An Ed25519 point of small order, for which signatures prove nothing (RFC 8032 section 5.1.7), or one that is not
    /// in canonical form.
    #[error("the public key is a weak or non-canonical Ed25519 point")]
    WeakPoint,
    /// The point is not on the curve.
    #[error("the public key is not a point of P-256")]
    NotOnCurve,
    /// The public half is not that of the private half.
    #[error("the public half of the key does not belong to its private half")]
    HalvesDiffer,
    /// A P-256 private key in PKCS#8 or SEC 1 form without its public half, which ring cannot compute.
    #[error("the private key lacks its public half")]
    MissingPublicHalf,
    /// Not a DER document of the expected structure.
    #[error("the key is not a valid DER document")]
    InvalidDer,
    /// Two keys of a set have the same `kid`.
    #[error("two keys of the set have the same kid")]
    DuplicateKid,
    /// The operating system gave no randomness.
    #[error("no randomness available")]
    NoRandomness,
}

/// Why a compact JWS was refused (RFC 7515 section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Longer than [`crate::jws::MAX_BYTES`], or a header longer than [`crate::jws::MAX_HEADER_BYTES`].
    #[error("the signed message is too long")]
    TooLong,
    /// Not three parts of strict base64url with a JSON object in front.
    #[error("the signed message is malformed")]
    Malformed,
    /// The header asks for something that is never done here: keys from the message, extensions.
    #[error("the header member `{0}` is refused")]
    RefusedMember(&'static str),
    /// `alg` is none of [`crate::Algorithm`]: `none`, HMAC and RSA have no place here.
    #[error("the algorithm is not supported")]
    UnsupportedAlgorithm,
    /// `alg` does not fit the key, so it was never the key's owner who chose it.
    #[error("the algorithm does not fit the key")]
    WrongAlgorithm,
    /// The signature is not one of this key over this message.
    #[error("the signature is wrong")]
    BadSignature,
}

/// Nothing was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningFailed {
    /// The header's algorithm cannot be used with the key.
    #[error("the algorithm does not fit the key")]
    WrongAlgorithm,
    /// ECDSA draws a nonce for each signature, and the operating system gave no randomness.
    #[error("no randomness available")]
    NoRandomness,
}
