//! The keys that seal and open.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    aead::{AES_256_GCM, LessSafeKey, UnboundKey},
    digest::{Context, SHA256},
};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

const LONGEST_ID: usize = 32;

/// At least one key; the first seals.
pub struct SealingKeys {
    pub(crate) first: SealingKey,
    pub(crate) others: Vec<SealingKey>,
}

pub(crate) struct SealingKey {
    pub(crate) id: String,
    /// Tells another key of the same id from a changed secret. Says nothing about the key, which is random.
    pub(crate) check: [u8; 8],
    pub(crate) key: LessSafeKey,
}

/// The list of keys cannot be used. Nothing here repeats a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealingKeyError {
    /// There is no key.
    #[error("the list of sealing keys is empty")]
    Empty,
    /// An entry is not `id:base64`, with an id of 1 to 32 letters, digits, `-`, `_` or `.`.
    #[error("entry {0} of the sealing keys is not of the form id:base64")]
    Form(usize),
    /// A key has another length than 32 bytes, or is no base64 (RFC 4648 section 4, with padding).
    #[error("the sealing key {0} is not the base64 of 32 bytes")]
    Key(String),
    /// Two keys have one id.
    #[error("the sealing key {0} is there twice")]
    Twice(String),
}

impl SealingKeys {
    /// Reads `id:base64,id:base64`. White space around entries is ignored.
    pub fn parse(list: &SecretString) -> Result<Self, SealingKeyError> {
        let mut keys: Vec<SealingKey> = Vec::new();
        let entries = list.expose_secret().split(',').map(str::trim);
        for (place, entry) in (1..).zip(entries.filter(|entry| !entry.is_empty())) {
            let (id, key) = entry.split_once(':').ok_or(SealingKeyError::Form(place))?;
            if !is_id(id) {
                return Err(SealingKeyError::Form(place));
            }
            if keys.iter().any(|known| known.id == id) {
                return Err(SealingKeyError::Twice(id.to_owned()));
            }
            let bad = |_| SealingKeyError::Key(id.to_owned());
            let bytes = Zeroizing::new(STANDARD.decode(key).map_err(bad)?);
            let key = UnboundKey::new(&AES_256_GCM, &bytes);
            keys.push(SealingKey {
                id: id.to_owned(),
                check: check_of(&bytes),
                key: LessSafeKey::new(key.map_err(|_| SealingKeyError::Key(id.to_owned()))?),
            });
        }
        let mut keys = keys.into_iter();
        Ok(Self {
            first: keys.next().ok_or(SealingKeyError::Empty)?,
            others: keys.collect(),
        })
    }

    /// The id of the key that seals.
    #[must_use]
    pub fn current(&self) -> &str {
        &self.first.id
    }

    pub(crate) fn find(&self, id: &str) -> Option<&SealingKey> {
        let mut all = std::iter::once(&self.first).chain(&self.others);
        all.find(|key| key.id == id)
    }
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKeys({} and {} more)", self.first.id, self.others.len())
    }
}

fn check_of(key: &[u8]) -> [u8; 8] {
    let mut hash = Context::new(&SHA256);
    hash.update(b"chancery sealing key");
    hash.update(key);
    let mut check = [0; 8];
    for (byte, computed) in check.iter_mut().zip(hash.finish().as_ref()) {
        *byte = *computed;
    }
    check
}

fn is_id(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::{SealingKeyError, SealingKeys};

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn parse(list: &str) -> Result<SealingKeys, SealingKeyError> {
        SealingKeys::parse(&list.to_owned().into())
    }

    #[test]
    fn the_first_key_seals() {
        let keys = parse(&format!(" new:{KEY} , old:{KEY},")).unwrap();
        assert_eq!(keys.current(), "new");
        assert_eq!(format!("{keys:?}"), "SealingKeys(new and 1 more)");
    }

    #[test]
    fn a_list_that_cannot_be_used_says_which_entry_and_no_secret() {
        assert_eq!(parse(" , ").err(), Some(SealingKeyError::Empty));
        assert_eq!(parse(KEY).err(), Some(SealingKeyError::Form(1)));
        assert_eq!(parse(&format!("a b:{KEY}")).err(), Some(SealingKeyError::Form(1)));
        assert_eq!(
            parse(&format!("{}:{KEY}", "x".repeat(33))).err(),
            Some(SealingKeyError::Form(1))
        );
        for bad in ["a:", "a:AAAA", "a:!!!", &format!("a:{KEY}{KEY}")] {
            assert_eq!(
                parse(bad).err(),
                Some(SealingKeyError::Key("a".to_owned())),
                "{bad}"
            );
        }
        let twice = format!("a:{KEY},b:{KEY},a:{KEY}");
        assert_eq!(parse(&twice).err(), Some(SealingKeyError::Twice("a".to_owned())));
    }
}
