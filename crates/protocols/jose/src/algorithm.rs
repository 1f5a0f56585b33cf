//! The signature algorithms there are, and the keys they go with.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    KeyError,
    der::{Reader, tag},
};

/// A signature algorithm (`alg`, RFC 7515 section 4.1.1). There is no other: no HMAC, no `none`, no RSA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `EdDSA` (RFC 8037 section 3.1): the polymorphic name, which older libraries know. Means Ed25519 here.
    EdDsa,
    /// `Ed25519` (RFC 9864 section 2.2): the exact name of the same algorithm.
    Ed25519,
    /// `ES256` (RFC 7518 section 3.4): ECDSA on P-256 with SHA-256, r and s in 32 bytes each.
    Es256,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::EdDsa, Self::Ed25519, Self::Es256];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::Es256 => "ES256",
        }
    }

    /// The keys this algorithm is used with.
    #[must_use]
    pub const fn key_type(self) -> KeyType {
        match self {
            Self::EdDsa | Self::Ed25519 => KeyType::Ed25519,
            Self::Es256 => KeyType::P256,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No supported algorithm has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an algorithm is one of EdDSA, Ed25519, ES256")]
pub struct UnknownAlgorithm;

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Names are compared byte by byte, as RFC 7515 section 4.1.1 asks.
    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or(UnknownAlgorithm)
    }
}

impl Serialize for Algorithm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Algorithm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// The kind of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// `kty` OKP, `crv` Ed25519 (RFC 8037 section 2).
    Ed25519,
    /// `kty` EC, `crv` P-256 (RFC 7518 section 6.2).
    P256,
}

impl KeyType {
    /// The algorithm name to write when nobody chose one: the older one, which every library knows.
    #[must_use]
    pub const fn default_algorithm(self) -> Algorithm {
        match self {
            Self::Ed25519 => Algorithm::EdDsa,
            Self::P256 => Algorithm::Es256,
        }
    }

    /// Reads the content of an X.509 `AlgorithmIdentifier` (RFC 8410 section 3, RFC 5480 section 2.1.1).
    ///
    /// # Errors
    /// [`KeyError::UnsupportedKeyType`] with the name of the foreign kind, [`KeyError::InvalidDer`] for anything else.
    pub fn from_algorithm_identifier(content: &[u8]) -> Result<Self, KeyError> {
        let mut identifier = Reader::new(content);
        match identifier.read(tag::OBJECT_IDENTIFIER)? {
            oid::ED25519 => {
                identifier.finish()?;
                Ok(Self::Ed25519)
            }
            oid::EC_PUBLIC_KEY => Self::from_ec_parameters(identifier),
            oid::RSA | oid::RSA_PSS => Err(KeyError::UnsupportedKeyType("RSA".to_owned())),
            oid::ED448 => Err(KeyError::UnsupportedKeyType("Ed448".to_owned())),
            oid::X25519 => Err(KeyError::UnsupportedKeyType("X25519".to_owned())),
            _ => Err(KeyError::UnsupportedKeyType("such".to_owned())),
        }
    }

    /// Reads the `ECParameters` of a P-256 key (RFC 5480 section 2.1.1): a named curve, never its numbers.
    ///
    /// # Errors
    /// [`KeyError::UnsupportedKeyType`] with the name of another curve, [`KeyError::InvalidDer`] for anything else.
    pub(crate) fn from_ec_parameters(mut parameters: Reader<'_>) -> Result<Self, KeyError> {
        let curve = parameters.read(tag::OBJECT_IDENTIFIER)?;
        parameters.finish()?;
        if curve == oid::P256 {
            Ok(Self::P256)
        } else {
            Err(KeyError::UnsupportedKeyType(curve_name(curve).to_owned()))
        }
    }
}

fn curve_name(oid: &[u8]) -> &'static str {
    match oid {
        oid::P384 => "P-384",
        oid::P521 => "P-521",
        oid::SECP256K1 => "secp256k1",
        _ => "other elliptic curve",
    }
}

/// Object identifiers, in their DER content form.
mod oid {
    pub(super) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
    pub(super) const ED448: &[u8] = &[0x2b, 0x65, 0x71];
    pub(super) const X25519: &[u8] = &[0x2b, 0x65, 0x6e];
    pub(super) const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    pub(super) const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    pub(super) const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
    pub(super) const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
    pub(super) const SECP256K1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x0a];
    pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    pub(super) const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
}

#[cfg(test)]
mod tests {
    use super::Algorithm;

    #[test]
    fn only_the_three_names_are_algorithms() {
        for name in ["none", "None", "HS256", "RS256", "PS256", "eddsa", "ES384", ""] {
            assert!(name.parse::<Algorithm>().is_err(), "{name}");
        }
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
        }
    }
}
