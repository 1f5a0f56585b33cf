//! Private keys.

use std::fmt;

use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use secrecy::{SecretSlice, SecretString};
use zeroize::Zeroizing;

use crate::{
    Algorithm, KeyError, KeyId, KeyType, PrivateKeyInfo, PublicJwk, SigningFailed, base64url,
    jwk_members::{JwkMembers, coordinate},
    pkcs8,
    public_jwk::{Point, uncompressed},
    randomness::system_random,
    strict_json,
};

/// A private Ed25519 or P-256 key under a name. It shows its secret only through the methods that say so; our copy of the
/// secret is wiped when it is dropped (the working copy inside ring is not).
pub struct SigningKey {
    pair: Pair,
    secret: Zeroizing<[u8; 32]>,
    public: PublicJwk,
    kid: KeyId,
    algorithm: Algorithm,
}

enum Pair {
    Ed25519(Box<Ed25519KeyPair>),
    P256(Box<EcdsaKeyPair>),
}

impl SigningKey {
    /// The Ed25519 key of a seed, which has to be 32 bytes fresh from a secure source: the seed is the private key
    /// (RFC 8032 section 5.1.5).
    pub fn generate_ed25519(seed: &[u8; 32]) -> Result<Self, KeyError> {
        Self::from_private_key_info(&PrivateKeyInfo {
            key_type: KeyType::Ed25519,
            secret: seed,
            public: None,
        })
    }

    /// A new P-256 key. ring draws it itself, since it takes a scalar from nobody else without its public half.
    pub fn generate_p256() -> Result<Self, KeyError> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &system_random())
            .map_err(|_| KeyError::NoRandomness)?;
        Self::from_pkcs8_der(document.as_ref())
    }

    /// Reads PKCS#8 in DER, version 1 or 2, unencrypted. A P-256 document has to hold the public half too.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        Self::from_private_key_info(&PrivateKeyInfo::from_pkcs8(der)?)
    }

    /// The key of a document that was read. The halves have to belong together; only Ed25519 can do without the public
    /// half ([`KeyError::MissingPublicHalf`]).
    pub fn from_private_key_info(info: &PrivateKeyInfo<'_>) -> Result<Self, KeyError> {
        let (pair, point) = match info.key_type {
            KeyType::Ed25519 => ed25519_pair(info)?,
            KeyType::P256 => p256_pair(info)?,
        };
        let public = PublicJwk::of_checked_point(point);
        Ok(Self {
            pair,
            secret: Zeroizing::new(*info.secret),
            kid: KeyId::of_thumbprint(public.thumbprint()),
            algorithm: info.key_type.default_algorithm(),
            public,
        })
    }

    /// Reads a private JWK (RFC 8037 section 2, RFC 7518 section 6.2.2): the public members and `d`. Takes over `kid` and
    /// `alg`.
    pub fn from_private_jwk(json: &str) -> Result<Self, KeyError> {
        if json.len() > PublicJwk::MAX_BYTES {
            return Err(KeyError::TooLarge);
        }
        let members: JwkMembers = strict_json::from_object(json.as_bytes(), &[])?;
        let key_type = members.key_type()?;
        members.require_use("sign")?;
        let mut secret = Zeroizing::new([0; 32]);
        base64url::decode_exactly(members.d.ok_or(KeyError::MissingMember("d"))?, &mut secret)
            .ok_or(KeyError::InvalidMember("d"))?;
        let x = coordinate(members.x.as_deref(), "x")?;
        let p256_point;
        let public: &[u8] = match key_type {
            KeyType::Ed25519 => &x,
            KeyType::P256 => {
                p256_point = uncompressed(&x, &coordinate(members.y.as_deref(), "y")?);
                &p256_point
            }
        };
        let key = Self::from_private_key_info(&PrivateKeyInfo {
            key_type,
            secret: &secret,
            public: Some(public),
        })?;
        Ok(Self {
            algorithm: members.algorithm()?.unwrap_or(key.algorithm),
            kid: members.kid()?.unwrap_or_else(|| key.kid.clone()),
            ..key
        })
    }

    /// The same key under another name. Without this its name is its thumbprint.
    #[must_use]
    pub fn with_kid(self, kid: KeyId) -> Self {
        Self { kid, ..self }
    }

    /// The same key under another name of its algorithm, which `public_jwk` then carries: `Ed25519` instead of `EdDSA`.
    pub fn with_algorithm(self, algorithm: Algorithm) -> Result<Self, KeyError> {
        if algorithm.key_type() == self.key_type() {
            Ok(Self { algorithm, ..self })
        } else {
            Err(KeyError::AlgorithmMismatch)
        }
    }

    /// Its name.
    #[must_use]
    pub const fn kid(&self) -> &KeyId {
        &self.kid
    }

    /// The name of the algorithm it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What kind of key it is.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        self.public.key_type()
    }

    /// The public half, as it is published: with `kid`, `alg` and `use`.
    #[must_use]
    pub fn public_jwk(&self) -> PublicJwk {
        let public = self.public.clone().with_kid(self.kid.clone());
        // The constructor checked that the algorithm fits; were it ever not to, the key is published without one.
        public.clone().with_algorithm(self.algorithm).unwrap_or(public)
    }

    /// Signs, in the 64-byte form that JWS uses. Ed25519 always gives the same signature for the same message; ECDSA
    /// does not, and fails with [`SigningFailed::NoRandomness`] when it can draw no nonce.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], SigningFailed> {
        let signature = match &self.pair {
            Pair::Ed25519(pair) => pair.sign(message),
            Pair::P256(pair) => pair
                .sign(&system_random(), message)
                .map_err(|_| SigningFailed::NoRandomness)?,
        };
        // Both forms are 64 bytes long.
        signature
            .as_ref()
            .try_into()
            .map_err(|_| SigningFailed::WrongAlgorithm)
    }

    /// The private JWK, secret included.
    #[must_use]
    pub fn to_private_jwk(&self) -> SecretString {
        let secret = Zeroizing::new(base64url::encode(&*self.secret));
        let public = self.public_jwk();
        let mut members = public.to_members();
        members.d = Some(&secret);
        // Room enough that the buffer, and the secret in it, is never moved by growth: a kid has at most 255 bytes.
        let mut json = Zeroizing::new(Vec::with_capacity(1024));
        // Writing strings to memory cannot fail; an empty text is refused by every reader.
        let _ = serde_json::to_writer(&mut *json, &members);
        SecretString::from(std::str::from_utf8(&json).unwrap_or_default())
    }

    /// PKCS#8 version 1 in DER, secret included: what OpenSSL reads.
    #[must_use]
    pub fn to_pkcs8_v1_der(&self) -> SecretSlice<u8> {
        let der = match self.public.point() {
            Point::Ed25519 { .. } => pkcs8::write_v1(&self.secret, None),
            Point::P256 { x, y } => pkcs8::write_v1(&self.secret, Some(&uncompressed(x, y))),
        };
        SecretSlice::from(Box::from(der.as_slice()))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

fn ed25519_pair(info: &PrivateKeyInfo<'_>) -> Result<(Pair, Point), KeyError> {
    let pair = match info.public {
        Some(public) => Ed25519KeyPair::from_seed_and_public_key(info.secret, public),
        None => Ed25519KeyPair::from_seed_unchecked(info.secret),
    }
    .map_err(|_| KeyError::HalvesDiffer)?;
    let x = pair
        .public_key()
        .as_ref()
        .try_into()
        .map_err(|_| KeyError::InvalidMember("x"))?;
    Ok((Pair::Ed25519(Box::new(pair)), Point::Ed25519 { x }))
}

fn p256_pair(info: &PrivateKeyInfo<'_>) -> Result<(Pair, Point), KeyError> {
    let public = info.public.ok_or(KeyError::MissingPublicHalf)?;
    let pair = EcdsaKeyPair::from_private_key_and_public_key(
        &ECDSA_P256_SHA256_FIXED_SIGNING,
        info.secret,
        public,
        &system_random(),
    )
    .map_err(|_| KeyError::HalvesDiffer)?;
    // ring has compared the point with the one it computed, so its form and its place on the curve are right.
    let point = Point::from_uncompressed(public).ok_or(KeyError::InvalidMember("x"))?;
    Ok((Pair::P256(Box::new(pair)), point))
}

#[cfg(test)]
mod tests;
