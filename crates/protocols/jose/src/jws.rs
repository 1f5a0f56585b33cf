//! Signed messages in their compact form (RFC 7515 section 7.1): `header.payload.signature`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Algorithm, JwsError, KeyId, SigningFailed, SigningKey, VerifyingKey, base64url, strict_json};

/// The longest message that is read, in bytes.
pub const MAX_BYTES: usize = 8 * 1024;

/// The longest header that is read, in bytes of JSON.
pub const MAX_HEADER_BYTES: usize = 1024;

/// Header members that would let a message choose its own key or its own rules. Ignoring `crit` is forbidden (RFC 7515
/// section 4.1.11); the others are refused so that nobody comes to rely on them.
const REFUSED: &[&str] = &["crit", "jku", "x5u", "jwk", "b64"];

/// The protected header: all that is written, and all that is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    /// The algorithm.
    #[serde(rename = "alg")]
    pub algorithm: Algorithm,
    /// The name of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<KeyId>,
    /// What kind of message it is (RFC 7515 section 4.1.9, RFC 8725 section 3.11).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typ: Option<Cow<'static, str>>,
}

/// Signs `payload` under `header`.
///
/// # Errors
/// [`SigningFailed::WrongAlgorithm`] when the header's algorithm does not fit the key.
pub fn sign(header: &Header, payload: &[u8], key: &SigningKey) -> Result<String, SigningFailed> {
    if header.algorithm.key_type() != key.key_type() {
        return Err(SigningFailed::WrongAlgorithm);
    }
    let header = serde_json::to_vec(header).unwrap_or_default(); // strings into memory: it cannot fail
    let mut message = String::with_capacity((header.len() + payload.len() + 64) * 4 / 3 + 8);
    base64url::encode_into(&header, &mut message);
    message.push('.');
    base64url::encode_into(payload, &mut message);
    let signature = key.sign(message.as_bytes())?;
    message.push('.');
    base64url::encode_into(&signature, &mut message);
    Ok(message)
}

/// A message that was taken apart and NOT verified: anyone may have written it.
#[derive(Debug, Clone)]
pub struct Unverified<'a> {
    signing_input: &'a str,
    header: Header,
    payload: Vec<u8>,
    signature: [u8; 64],
}

impl<'a> Unverified<'a> {
    /// Takes a message apart. Lengths come first, so that a long one costs nothing.
    pub fn parse(compact: &'a str) -> Result<Self, JwsError> {
        if compact.len() > MAX_BYTES {
            return Err(JwsError::TooLong);
        }
        let (signing_input, signature_text) = compact.rsplit_once('.').ok_or(JwsError::Malformed)?;
        let (header_text, payload_text) = signing_input.split_once('.').ok_or(JwsError::Malformed)?;
        let header = read_header(header_text)?;
        let mut signature = [0; 64];
        base64url::decode_exactly(signature_text, &mut signature).ok_or(JwsError::Malformed)?;
        // A third dot would be in here, and is no base64url.
        let payload = base64url::decode(payload_text).ok_or(JwsError::Malformed)?;
        Ok(Self {
            signing_input,
            header,
            payload,
            signature,
        })
    }

    /// The header, which tells where to look for the key and nothing else.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The payload that nobody has vouched for.
    #[must_use]
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// Checks the signature. `key` is the one the caller trusts for messages of this kind; the header's algorithm has to
    /// fit it.
    pub fn verify(self, key: &VerifyingKey) -> Result<Verified, JwsError> {
        if !key.accepts(self.header.algorithm) {
            return Err(JwsError::WrongAlgorithm);
        }
        key.verify(self.signing_input.as_bytes(), &self.signature)
            .map_err(|_| JwsError::BadSignature)?;
        Ok(Verified {
            header: self.header,
            payload: self.payload,
        })
    }
}

/// A message whose signature is right. What it says has yet to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    header: Header,
    payload: Vec<u8>,
}

impl Verified {
    /// The header that was signed.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The payload that was signed.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

#[derive(Deserialize)]
struct HeaderMembers<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    typ: Option<String>,
    kid: Option<String>,
}

fn read_header(text: &str) -> Result<Header, JwsError> {
    let mut buffer = [0; MAX_HEADER_BYTES];
    if text.len() > MAX_HEADER_BYTES * 4 / 3 + 1 {
        return Err(JwsError::TooLong);
    }
    let json = base64url::decode_within(text, &mut buffer).ok_or(JwsError::Malformed)?;
    let members: HeaderMembers = strict_json::from_object(json, REFUSED).map_err(|error| match error {
        strict_json::StrictJsonError::RefusedMember(name) => JwsError::RefusedMember(name),
        strict_json::StrictJsonError::Malformed
        | strict_json::StrictJsonError::DuplicateMember
        | strict_json::StrictJsonError::TooComplex => JwsError::Malformed,
    })?;
    Ok(Header {
        algorithm: members.alg.parse().map_err(|_| JwsError::UnsupportedAlgorithm)?,
        typ: members.typ.map(Cow::Owned),
        kid: members
            .kid
            .map(KeyId::parse)
            .transpose()
            .map_err(|_| JwsError::Malformed)?,
    })
}

#[cfg(test)]
mod tests;
