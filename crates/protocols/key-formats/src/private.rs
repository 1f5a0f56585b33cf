//! Private keys.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_jose::{KeyError, KeyType, PrivateKeyInfo, SigningKey};
use josekit::{
    Value,
    jwk::{Jwk, KeyPair, alg::ec::EcKeyPair},
};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::{
    FormatError, MAX_BYTES,
    pem::{self, Pem},
};

/// Reads a private Ed25519 or P-256 key that is not encrypted: PEM of PKCS#8 (RFC 5958, version 1 or 2) or of SEC 1 (RFC
/// 5915), or a private JWK. PEM carries no name, so the key gets its thumbprint for one.
pub fn read_private(text: &str) -> Result<SigningKey, FormatError> {
    if text.len() > MAX_BYTES {
        return Err(FormatError::TooLarge);
    }
    let text = text.trim();
    if text.starts_with('{') {
        match SigningKey::from_private_jwk(text) {
            Err(KeyError::MissingMember("d")) => Err(FormatError::OnlyPublic),
            read => Ok(read?),
        }
    } else if text.starts_with(pem::BEGIN) {
        read_private_pem(text)
    } else {
        Err(FormatError::Unrecognised)
    }
}

/// Writes the key as PEM of PKCS#8 version 1, the form that OpenSSL reads. Its name is left behind.
#[must_use]
pub fn write_private_pem(key: &SigningKey) -> SecretString {
    let der = key.to_pkcs8_v1_der();
    SecretString::from(pem::write("PRIVATE KEY", der.expose_secret()).as_str())
}

fn read_private_pem(text: &str) -> Result<SigningKey, FormatError> {
    let pem = Pem::read(text)?;
    let info = match pem.label {
        "PRIVATE KEY" => PrivateKeyInfo::from_pkcs8(&pem.der)?,
        "EC PRIVATE KEY" => PrivateKeyInfo::from_sec1(&pem.der)?,
        "ENCRYPTED PRIVATE KEY" => return Err(FormatError::Encrypted),
        "RSA PRIVATE KEY" => return Err(FormatError::rsa()),
        label if label.ends_with("PUBLIC KEY") => return Err(FormatError::OnlyPublic),
        label => return Err(FormatError::UnexpectedLabel(label.to_owned())),
    };
    match (info.key_type, info.public) {
        (KeyType::P256, None) => Ok(complete_p256(info.secret)?),
        _ => Ok(SigningKey::from_private_key_info(&info)?),
    }
}

/// The key of a P-256 scalar alone. ring cannot compute the public half; OpenSSL can.
///
/// josekit parses nothing here, it only gets the scalar: its DER reader trusts lengths, and it panics on a scalar that has
/// no public point, so the range is checked first.
fn complete_p256(scalar: &[u8; 32]) -> Result<SigningKey, KeyError> {
    if *scalar == [0; 32] || *scalar >= P256_ORDER {
        return Err(KeyError::InvalidMember("d"));
    }
    let mut half = Jwk::new("EC");
    let set = half
        .set_parameter("crv", Some(Value::from("P-256")))
        .and_then(|()| half.set_parameter("d", Some(Value::from(URL_SAFE_NO_PAD.encode(scalar)))));
    let whole = set
        .and_then(|()| EcKeyPair::from_jwk(&half))
        .map_err(|_| KeyError::InvalidMember("d"))?
        .to_jwk_key_pair();
    SigningKey::from_private_jwk(&Zeroizing::new(whole.to_string()))
}

/// The order of the group of P-256 (FIPS 186-5, SP 800-186 section 3.2.1.3), big-endian.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
