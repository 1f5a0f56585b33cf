//! Public keys.

use chancery_jose::{
    KeyError, KeyType, PublicJwk,
    der::{Reader, tag},
};

use crate::{
    FormatError, MAX_BYTES,
    pem::{self, Pem},
};

/// Reads a public Ed25519 or P-256 key in whichever form it comes: a JWK, or a `SubjectPublicKeyInfo` (RFC 5280 section
/// 4.1.2.7, RFC 8410, RFC 5480) in PEM or DER. Only a JWK brings a name and an algorithm along.
pub fn read_public(document: &[u8]) -> Result<PublicJwk, FormatError> {
    if document.len() > MAX_BYTES {
        return Err(FormatError::TooLarge);
    }
    if document.first() == Some(&tag::SEQUENCE) {
        // '0' in ASCII, with which neither PEM nor JSON objects begin.
        return Ok(read_spki(document)?);
    }
    let text = str::from_utf8(document)
        .map_err(|_| FormatError::Unrecognised)?
        .trim();
    if text.starts_with('{') {
        Ok(PublicJwk::parse(text)?)
    } else if text.starts_with(pem::BEGIN) {
        read_public_pem(text)
    } else {
        Err(FormatError::Unrecognised)
    }
}

/// Writes the key as PEM of a `SubjectPublicKeyInfo`, the form that OpenSSL reads. Its name is left behind.
#[must_use]
pub fn write_public_pem(key: &PublicJwk) -> String {
    const ED25519_HEAD: &[u8] = &[
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    const P256_HEAD: &[u8] = &[
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    let head = match key.key_type() {
        KeyType::Ed25519 => ED25519_HEAD,
        KeyType::P256 => P256_HEAD,
    };
    pem::write("PUBLIC KEY", &[head, &key.point_bytes()].concat()).to_string()
}

fn read_public_pem(text: &str) -> Result<PublicJwk, FormatError> {
    let pem = Pem::read(text)?;
    match pem.label {
        "PUBLIC KEY" => Ok(read_spki(&pem.der)?),
        "RSA PUBLIC KEY" => Err(FormatError::rsa()),
        label if label.ends_with("PRIVATE KEY") => Err(KeyError::PrivateMember.into()),
        label => Err(FormatError::UnexpectedLabel(label.to_owned())),
    }
}

fn read_spki(der: &[u8]) -> Result<PublicJwk, KeyError> {
    let mut document = Reader::new(der);
    let mut info = Reader::new(document.read(tag::SEQUENCE)?);
    document.finish()?;
    let key_type = KeyType::from_algorithm_identifier(info.read(tag::SEQUENCE)?)?;
    let point = info.read_bit_string(tag::BIT_STRING)?;
    info.finish()?;
    match key_type {
        KeyType::Ed25519 => PublicJwk::ed25519(point),
        KeyType::P256 => PublicJwk::p256(point),
    }
}
