//! Public keys as JWK (RFC 7517, RFC 8037, RFC 7518 section 6.2).

use std::{borrow::Cow, cmp::Ordering};

use ring::{agreement, digest};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    Algorithm, KeyError, KeyId, KeyType, base64url,
    jwk_members::{JwkMembers, coordinate},
    randomness::system_random,
    strict_json,
};

/// A public Ed25519 or P-256 key with what its owner says about it. It is good to verify with: its coordinates have the
/// exact length, an Ed25519 point is canonical and not of small order, a P-256 point is on the curve. (Whether an Ed25519
/// point is on the curve shows when it verifies: one that is not verifies nothing.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicJwk {
    point: Point,
    kid: Option<KeyId>,
    algorithm: Option<Algorithm>,
    marked_for_signatures: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Point {
    Ed25519 { x: [u8; 32] },
    P256 { x: [u8; 32], y: [u8; 32] },
}

impl Point {
    /// The point of P-256 in its uncompressed form, whether or not it is on the curve.
    pub(crate) fn from_uncompressed(bytes: &[u8]) -> Option<Self> {
        let (x, y) = bytes.strip_prefix(&[4])?.split_first_chunk()?;
        Some(Self::P256 {
            x: *x,
            y: y.try_into().ok()?,
        })
    }
}

impl PublicJwk {
    /// The largest document read, in bytes.
    pub const MAX_BYTES: usize = 8 * 1024;

    /// Reads a JWK. Members that are not understood are ignored; private ones are refused.
    pub fn parse(json: &str) -> Result<Self, KeyError> {
        if json.len() > Self::MAX_BYTES {
            return Err(KeyError::TooLarge);
        }
        let members: JwkMembers = strict_json::from_object(json.as_bytes(), &[])?;
        Self::from_members(&members)
    }

    /// The key of a 32-byte Ed25519 point (RFC 8032 section 5.1.5), marked for signatures, without a name.
    pub fn ed25519(point: &[u8]) -> Result<Self, KeyError> {
        let x = point.try_into().map_err(|_| KeyError::InvalidMember("x"))?;
        Self::of_point(Point::Ed25519 { x })
    }

    /// The key of an uncompressed P-256 point, 65 bytes beginning with 4 (SEC 1 section 2.3.3), marked for signatures,
    /// without a name.
    pub fn p256(point: &[u8]) -> Result<Self, KeyError> {
        Self::of_point(Point::from_uncompressed(point).ok_or(KeyError::InvalidMember("x"))?)
    }

    /// The same key under the name `kid`.
    #[must_use]
    pub fn with_kid(self, kid: KeyId) -> Self {
        Self {
            kid: Some(kid),
            ..self
        }
    }

    /// The same key, reserved for `algorithm`. Verifiers compare this with a token's header, so it has to be the very
    /// name that tokens carry.
    pub fn with_algorithm(self, algorithm: Algorithm) -> Result<Self, KeyError> {
        if algorithm.key_type() == self.key_type() {
            Ok(Self {
                algorithm: Some(algorithm),
                ..self
            })
        } else {
            Err(KeyError::AlgorithmMismatch)
        }
    }

    /// What kind of key it is.
    #[must_use]
    pub const fn key_type(&self) -> KeyType {
        match self.point {
            Point::Ed25519 { .. } => KeyType::Ed25519,
            Point::P256 { .. } => KeyType::P256,
        }
    }

    /// Its name, if it has one.
    #[must_use]
    pub const fn kid(&self) -> Option<&KeyId> {
        self.kid.as_ref()
    }

    /// The algorithm it is reserved for, if any.
    #[must_use]
    pub const fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    /// The point itself: 32 bytes for Ed25519, 65 bytes uncompressed for P-256, as [`PublicJwk::ed25519`] and
    /// [`PublicJwk::p256`] take it.
    #[must_use]
    pub fn point_bytes(&self) -> Vec<u8> {
        match &self.point {
            Point::Ed25519 { x } => x.to_vec(),
            Point::P256 { x, y } => uncompressed(x, y).to_vec(),
        }
    }

    /// The thumbprint (RFC 7638, RFC 8037 section 2): base64url of the SHA-256 of the key itself, whatever its name.
    /// Two documents hold the same key exactly when their thumbprints are equal.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        // Section 3: the required members alone, in alphabetical order, without spaces.
        let canonical = match &self.point {
            Point::Ed25519 { x } => {
                format!(
                    r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
                    base64url::encode(x)
                )
            }
            Point::P256 { x, y } => format!(
                r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
                base64url::encode(x),
                base64url::encode(y)
            ),
        };
        base64url::encode(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref())
    }

    pub(crate) fn of_point(point: Point) -> Result<Self, KeyError> {
        match &point {
            Point::Ed25519 { x } if is_weak(x) => Err(KeyError::WeakPoint),
            Point::P256 { x, y } if !is_on_p256(&uncompressed(x, y)) => Err(KeyError::NotOnCurve),
            Point::Ed25519 { .. } | Point::P256 { .. } => Ok(Self::of_checked_point(point)),
        }
    }

    /// The key of a point that is known to be good, as one that was computed from its private half is.
    pub(crate) const fn of_checked_point(point: Point) -> Self {
        Self {
            point,
            kid: None,
            algorithm: None,
            marked_for_signatures: true,
        }
    }

    pub(crate) const fn point(&self) -> &Point {
        &self.point
    }

    /// Refuses what is not a public key to verify with.
    pub(crate) fn from_members(members: &JwkMembers) -> Result<Self, KeyError> {
        let key_type = members.key_type()?;
        if members.d.is_some() {
            return Err(KeyError::PrivateMember);
        }
        members.require_use("verify")?;
        let x = coordinate(members.x.as_deref(), "x")?;
        let point = match key_type {
            KeyType::Ed25519 => Point::Ed25519 { x },
            KeyType::P256 => Point::P256 {
                x,
                y: coordinate(members.y.as_deref(), "y")?,
            },
        };
        Ok(Self {
            kid: members.kid()?,
            algorithm: members.algorithm()?,
            marked_for_signatures: members.key_use.is_some(),
            ..Self::of_point(point)?
        })
    }

    /// The members as they are written. The private one, `d`, is for the caller who has it.
    pub(crate) fn to_members(&self) -> JwkMembers<'_> {
        let (kty, crv, x, y) = match &self.point {
            Point::Ed25519 { x } => ("OKP", "Ed25519", x, None),
            Point::P256 { x, y } => ("EC", "P-256", x, Some(y)),
        };
        JwkMembers {
            kty: kty.into(),
            crv: Some(crv.into()),
            x: Some(base64url::encode(x).into()),
            y: y.map(|y| base64url::encode(y).into()),
            d: None,
            kid: self.kid.as_ref().map(|kid| kid.as_str().into()),
            alg: self.algorithm.map(|algorithm| algorithm.as_str().into()),
            key_use: self.marked_for_signatures.then_some(Cow::Borrowed("sig")),
            key_ops: None,
        }
    }
}

impl Serialize for PublicJwk {
    /// Writes `kty crv x y kid alg use`, in this order.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_members().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PublicJwk {
    /// For a key inside a larger document. [`PublicJwk::parse`] also refuses members that occur twice.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let members = JwkMembers::deserialize(deserializer)?;
        Self::from_members(&members).map_err(de::Error::custom)
    }
}

/// The SEC 1 form of a P-256 point.
pub(crate) fn uncompressed(x: &[u8; 32], y: &[u8; 32]) -> [u8; 65] {
    let mut point = [4; 65];
    for (place, byte) in point.iter_mut().skip(1).zip(x.iter().chain(y)) {
        *place = *byte;
    }
    point
}

/// Whether an Ed25519 point is of small order or written in another than its canonical form.
fn is_weak(point: &[u8; 32]) -> bool {
    let mut y = *point;
    y[31] &= 0x7f; // the top bit is the sign of x
    let is_canonical = y.iter().rev().cmp(FIELD_PRIME.iter().rev()) == Ordering::Less;
    !is_canonical || SMALL_ORDER.contains(&y)
}

/// 2^255 - 19, little-endian.
const FIELD_PRIME: [u8; 32] = [
    0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
];

/// The y coordinates, little-endian, of the eight points whose order divides the cofactor: 0, 1, -1 and two more.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    [
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// ring has no function that only checks a point, but it refuses to agree on a secret with one that is off the curve. The
/// other half of the agreement is thrown away, so its randomness decides nothing.
fn is_on_p256(point: &[u8; 65]) -> bool {
    agreement::EphemeralPrivateKey::generate(&agreement::ECDH_P256, &system_random()).is_ok_and(|own| {
        let peer = agreement::UnparsedPublicKey::new(&agreement::ECDH_P256, point);
        agreement::agree_ephemeral(own, &peer, |_| ()).is_ok()
    })
}

#[cfg(test)]
mod tests;
