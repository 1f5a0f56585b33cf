//! Verifying signatures.

use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};

use crate::{
    Algorithm, KeyType, PublicJwk,
    public_jwk::{Point, uncompressed},
};

/// A public key made ready to verify with. Build it once per key, not once per message.
#[derive(Debug, Clone)]
pub struct VerifyingKey(Ready);

#[derive(Debug, Clone)]
enum Ready {
    Ed25519(UnparsedPublicKey<[u8; 32]>),
    P256(UnparsedPublicKey<[u8; 65]>),
}

/// The signature is not one of this key over this message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is wrong")]
pub struct BadSignature;

impl VerifyingKey {
    /// Checks a signature of 64 bytes: R and S of Ed25519 (RFC 8032 section 5.1.7, without the cofactor, S below the group
    /// order), or r and s of ECDSA on P-256 with SHA-256 (RFC 7518 section 3.4).
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        match &self.0 {
            Ready::Ed25519(key) => key.verify(message, signature),
            Ready::P256(key) => key.verify(message, signature),
        }
        .map_err(|_| BadSignature)
    }

    /// What kind of key it is.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        match self.0 {
            Ready::Ed25519(_) => KeyType::Ed25519,
            Ready::P256(_) => KeyType::P256,
        }
    }

    /// Whether a message that names `algorithm` may be verified with this key.
    #[must_use]
    pub fn accepts(&self, algorithm: Algorithm) -> bool {
        algorithm.key_type() == self.key_type()
    }
}

impl From<&PublicJwk> for VerifyingKey {
    fn from(key: &PublicJwk) -> Self {
        Self(match key.point() {
            Point::Ed25519 { x } => Ready::Ed25519(UnparsedPublicKey::new(&ED25519, *x)),
            Point::P256 { x, y } => Ready::P256(UnparsedPublicKey::new(
                &ECDSA_P256_SHA256_FIXED,
                uncompressed(x, y),
            )),
        })
    }
}
