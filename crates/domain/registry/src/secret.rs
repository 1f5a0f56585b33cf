//! The secret of an app.

use std::fmt::{self, Write as _};

use chancery_ambient::Ambient;
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// A secret, just drawn: `sk_` and 32 hex digits, 128 random bits. Shown once, kept nowhere.
#[derive(Debug)]
pub struct AppSecret(SecretString);

/// SHA-256 of a secret. The secret is random, so nobody finds it from this.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SecretDigest([u8; 32]);

impl AppSecret {
    /// Draws a secret.
    #[must_use]
    pub fn draw(ambient: &Ambient) -> Self {
        let mut text = "sk_".to_owned();
        for byte in ambient.random::<16>() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text.into())
    }

    /// The text to show.
    #[must_use]
    pub const fn text(&self) -> &SecretString {
        &self.0
    }

    /// What is kept of it.
    #[must_use]
    pub fn digest(&self) -> SecretDigest {
        SecretDigest::of(&self.0)
    }
}

impl SecretDigest {
    fn of(secret: &SecretString) -> Self {
        let mut bytes = [0; 32];
        let computed = digest(&SHA256, secret.expose_secret().as_bytes());
        for (byte, computed) in bytes.iter_mut().zip(computed.as_ref()) {
            *byte = *computed;
        }
        Self(bytes)
    }

    /// Whether it is the digest of `secret`. Takes the same time whatever differs.
    #[must_use]
    pub fn fits(&self, secret: &SecretString) -> bool {
        Self::of(secret).0.ct_eq(&self.0).into()
    }

    /// The digest as it was stored.
    #[must_use]
    pub const fn from_stored(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub const fn as_stored(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(…)")
    }
}
