//! Why a key document was not read. No text here repeats what the document holds, labels apart.

use chancery_jose::KeyError;

/// Why a key document was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// More than [`crate::MAX_BYTES`].
    #[error("the key document is too large")]
    TooLarge,
    /// None of the forms that are read.
    #[error("the key is neither a PEM document nor a JWK")]
    Unrecognised,
    /// It begins like PEM and goes on like something else.
    #[error("the PEM document is malformed")]
    MalformedPem,
    /// The key is protected by a passphrase.
    #[error("the private key is encrypted; decrypt it first, for instance with `openssl pkey`")]
    Encrypted,
    /// PEM of something that is not a key of this half.
    #[error("a PEM document of `{0}` is not what is read here")]
    UnexpectedLabel(String),
    /// A public key where a private one is needed.
    #[error("the document holds only a public key where a private one is needed")]
    OnlyPublic,
    /// The document was read, and the key in it is not one to use.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl FormatError {
    /// The refusal of an RSA key in one of the forms that are RSA's own.
    pub(crate) fn rsa() -> Self {
        Self::Key(KeyError::UnsupportedKeyType("RSA".to_owned()))
    }
}
