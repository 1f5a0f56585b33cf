//! A JWK as it stands in JSON, before anything about it is believed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Algorithm, KeyError, KeyId, KeyType, base64url};

/// The members that are understood, in the order they are written in. Others are ignored on read.
#[derive(Deserialize, Serialize)]
pub(crate) struct JwkMembers<'a> {
    pub(crate) kty: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) crv: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) x: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) y: Option<Cow<'a, str>>,
    /// Only ever borrowed from the document, so that no copy of the secret is made. base64url needs no escapes, which
    /// are all that borrowing cannot do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) d: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kid: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alg: Option<Cow<'a, str>>,
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub(crate) key_use: Option<Cow<'a, str>>,
    #[serde(skip_serializing)]
    pub(crate) key_ops: Option<Vec<Cow<'a, str>>>,
}

impl JwkMembers<'_> {
    /// The key's type, from `kty` and `crv`.
    pub(crate) fn key_type(&self) -> Result<KeyType, KeyError> {
        match (&*self.kty, self.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => Ok(KeyType::Ed25519),
            ("EC", Some("P-256")) => Ok(KeyType::P256),
            ("OKP" | "EC", None) => Err(KeyError::MissingMember("crv")),
            ("OKP" | "EC", Some(curve)) => Err(KeyError::UnsupportedKeyType(bounded(curve))),
            (kty, _) => Err(KeyError::UnsupportedKeyType(bounded(kty))),
        }
    }

    /// The key's name, when it has one.
    pub(crate) fn kid(&self) -> Result<Option<KeyId>, KeyError> {
        self.kid
            .as_deref()
            .map(KeyId::parse)
            .transpose()
            .map_err(|_| KeyError::InvalidMember("kid"))
    }

    /// The algorithm the key is reserved for, when it names one.
    pub(crate) fn algorithm(&self) -> Result<Option<Algorithm>, KeyError> {
        let Some(name) = self.alg.as_deref() else {
            return Ok(None);
        };
        match name.parse::<Algorithm>() {
            Ok(algorithm) if algorithm.key_type() == self.key_type()? => Ok(Some(algorithm)),
            _ => Err(KeyError::AlgorithmMismatch),
        }
    }

    /// Refuses a key that is marked for anything but `operation`, `sign` or `verify`.
    pub(crate) fn require_use(&self, operation: &str) -> Result<(), KeyError> {
        let use_fits = self.key_use.as_deref().is_none_or(|marked| marked == "sig");
        let operations_fit = self
            .key_ops
            .as_deref()
            .is_none_or(|allowed| allowed.iter().any(|allowed| allowed == operation));
        if use_fits && operations_fit {
            Ok(())
        } else {
            Err(KeyError::NotForSignatures)
        }
    }
}

/// The 32 bytes of a coordinate.
pub(crate) fn coordinate(text: Option<&str>, name: &'static str) -> Result<[u8; 32], KeyError> {
    let text = text.ok_or(KeyError::MissingMember(name))?;
    let mut bytes = [0; 32];
    base64url::decode_exactly(text, &mut bytes).ok_or(KeyError::InvalidMember(name))?;
    Ok(bytes)
}

/// Foreign text that goes into an error message.
fn bounded(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(32).collect()
}
