//! Private keys in DER: PKCS#8 (RFC 5958) and the SEC 1 form inside it (RFC 5915).

use zeroize::Zeroizing;

use crate::{
    KeyError, KeyType,
    der::{Reader, tag},
};

/// What a private key document holds, borrowed from it: reading makes no copy of the secret. Whether the halves belong
/// together is checked by `SigningKey`.
#[derive(Clone, Copy)]
pub struct PrivateKeyInfo<'a> {
    /// What kind of key it is.
    pub key_type: KeyType,
    /// The seed of Ed25519, or the scalar of P-256, big-endian.
    pub secret: &'a [u8; 32],
    /// The public half where the document has one: an Ed25519 point, or an uncompressed P-256 point.
    pub public: Option<&'a [u8]>,
}

impl<'a> PrivateKeyInfo<'a> {
    /// Reads PKCS#8: version 1, which OpenSSL writes, or version 2 with the public half, which ring writes.
    ///
    /// # Errors
    /// [`KeyError::UnsupportedKeyType`] for RSA and other curves, [`KeyError::InvalidDer`] for anything malformed.
    pub fn from_pkcs8(der: &'a [u8]) -> Result<Self, KeyError> {
        let mut document = Reader::new(der);
        let mut info = Reader::new(document.read(tag::SEQUENCE)?);
        document.finish()?;

        let version = info.read(tag::INTEGER)?;
        let key_type = KeyType::from_algorithm_identifier(info.read(tag::SEQUENCE)?)?;
        let private_key = info.read(tag::OCTET_STRING)?;
        info.read_optional(tag::CONTEXT_0)?; // attributes, which say nothing about the key itself
        let public = match version {
            [0] => None,
            [1] => read_public_half(&mut info)?,
            _ => return Err(KeyError::InvalidDer),
        };
        info.finish()?;

        match key_type {
            KeyType::Ed25519 => {
                // RFC 8410 section 7: an OCTET STRING within the OCTET STRING.
                let mut curve_private_key = Reader::new(private_key);
                let seed = curve_private_key.read(tag::OCTET_STRING)?;
                curve_private_key.finish()?;
                Ok(Self {
                    key_type,
                    secret: secret_of(seed)?,
                    public,
                })
            }
            KeyType::P256 => {
                let inner = Self::from_sec1(private_key)?;
                Ok(Self {
                    public: inner.public.or(public),
                    ..inner
                })
            }
        }
    }

    /// Reads a P-256 key in the SEC 1 form (`EC PRIVATE KEY`). A curve named inside has to be P-256.
    pub fn from_sec1(der: &'a [u8]) -> Result<Self, KeyError> {
        let mut document = Reader::new(der);
        let mut key = Reader::new(document.read(tag::SEQUENCE)?);
        document.finish()?;

        if key.read(tag::INTEGER)? != [1] {
            return Err(KeyError::InvalidDer);
        }
        let scalar = key.read(tag::OCTET_STRING)?;
        if let Some(curve) = key.read_optional(tag::CONTEXT_0)? {
            KeyType::from_ec_parameters(Reader::new(curve))?;
        }
        let public = match key.read_optional(tag::CONTEXT_1)? {
            Some(wrapped) => Some(read_wrapped_bit_string(wrapped)?),
            None => None,
        };
        key.finish()?;
        Ok(Self {
            key_type: KeyType::P256,
            secret: secret_of(scalar)?,
            public,
        })
    }
}

/// Writes PKCS#8 version 1, the form that everyone reads: for Ed25519 the seed alone (48 bytes, RFC 8410 section 7), for
/// P-256 the scalar and the point.
pub(crate) fn write_v1(secret: &[u8; 32], p256_point: Option<&[u8; 65]>) -> Zeroizing<Vec<u8>> {
    const ED25519_HEAD: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ];
    const P256_HEAD: [u8; 36] = [
        0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
        0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01,
        0x04, 0x20,
    ];
    const P256_POINT_HEAD: [u8; 5] = [0xa1, 0x44, 0x03, 0x42, 0x00];

    // Room for the longer form, so that the secret is never moved by growth.
    let mut der = Zeroizing::new(Vec::with_capacity(138));
    match p256_point {
        None => {
            der.extend_from_slice(&ED25519_HEAD);
            der.extend_from_slice(secret);
        }
        Some(point) => {
            der.extend_from_slice(&P256_HEAD);
            der.extend_from_slice(secret);
            der.extend_from_slice(&P256_POINT_HEAD);
            der.extend_from_slice(point);
        }
    }
    der
}

/// The public half of version 2: `[1] IMPLICIT BIT STRING`, or with one more wrapping as early versions of ring wrote it.
fn read_public_half<'a>(info: &mut Reader<'a>) -> Result<Option<&'a [u8]>, KeyError> {
    match info.read_optional(tag::CONTEXT_1)? {
        Some(wrapped) => read_wrapped_bit_string(wrapped).map(Some),
        None => info.read_bit_string(tag::CONTEXT_1_PRIMITIVE).map(Some),
    }
}

fn read_wrapped_bit_string(wrapped: &[u8]) -> Result<&[u8], KeyError> {
    let mut content = Reader::new(wrapped);
    let bits = content.read_bit_string(tag::BIT_STRING)?;
    content.finish()?;
    Ok(bits)
}

fn secret_of(bytes: &[u8]) -> Result<&[u8; 32], KeyError> {
    bytes.try_into().map_err(|_| KeyError::InvalidDer)
}
