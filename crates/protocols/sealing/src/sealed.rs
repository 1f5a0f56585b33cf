//! The form of a sealed secret: version 1, length of the key's id, the id, 8 bytes that tell the key from another of its id,
//! 12 bytes of nonce, ciphertext and tag.

use ring::aead::{Aad, Nonce};
use secrecy::SecretBox;
use zeroize::Zeroizing;

use crate::SealingKeys;

const VERSION: u8 = 1;

/// More than AES-GCM can seal at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret is too long to be sealed")]
pub struct TooLong;

/// Why a sealed secret does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is not of a form this version knows.
    #[error("the sealed secret has an unknown form")]
    Form,
    /// It was sealed with a key that is not on the list.
    #[error("the secret was sealed with the key {0}, which is not configured")]
    KeyMissing(String),
    /// The key of this id is another one than it was sealed with.
    #[error("the secret was sealed with another key than the one called {0}")]
    OtherKey(String),
    /// The key is right, and the secret was changed or belongs to another place.
    #[error("the sealed secret was changed, or moved from another place")]
    Damaged,
}

impl SealingKeys {
    /// Seals a secret of at most 64 GiB for its place. `nonce` has to be fresh: one that comes twice under one key gives both
    /// secrets away.
    pub fn seal(&self, secret: &[u8], place: &[u8], nonce: [u8; 12]) -> Result<Vec<u8>, TooLong> {
        let mut text = Zeroizing::new(secret.to_vec());
        let unique = Nonce::assume_unique_for_key(nonce);
        let key = &self.first.key;
        let tag = key
            .seal_in_place_separate_tag(unique, Aad::from(place), &mut text)
            .map_err(|_| TooLong)?;
        let id = self.first.id.as_bytes();
        let head = [VERSION, u8::try_from(id.len()).map_err(|_| TooLong)?];
        Ok([&head[..], id, &self.first.check, &nonce, &text, tag.as_ref()].concat())
    }

    /// Opens what was sealed for this place by any of the keys.
    pub fn open(&self, sealed: &[u8], place: &[u8]) -> Result<SecretBox<[u8]>, OpenError> {
        let parts = Parts::of(sealed).ok_or(OpenError::Form)?;
        let missing = || OpenError::KeyMissing(parts.id.to_owned());
        let key = self.find(parts.id).ok_or_else(missing)?;
        if key.check != *parts.check {
            return Err(OpenError::OtherKey(parts.id.to_owned()));
        }
        let mut buffer = Zeroizing::new(parts.text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*parts.nonce);
        let opened = key.key.open_in_place(nonce, Aad::from(place), &mut buffer);
        let opened = opened.map_err(|_| OpenError::Damaged)?;
        Ok(SecretBox::new(opened.to_vec().into_boxed_slice()))
    }

    /// The id of the key that sealed this, when it has the form.
    #[must_use]
    pub fn sealed_with(sealed: &[u8]) -> Option<&str> {
        Parts::of(sealed).map(|parts| parts.id)
    }
}

struct Parts<'s> {
    id: &'s str,
    check: &'s [u8; 8],
    nonce: &'s [u8; 12],
    /// Ciphertext and tag.
    text: &'s [u8],
}

impl<'s> Parts<'s> {
    fn of(sealed: &'s [u8]) -> Option<Self> {
        let ([version, length], rest) = sealed.split_first_chunk::<2>()?;
        if *version != VERSION {
            return None;
        }
        let (id, rest) = rest.split_at_checked(usize::from(*length))?;
        let (check, rest) = rest.split_first_chunk::<8>()?;
        let (nonce, text) = rest.split_first_chunk::<12>()?;
        let id = str::from_utf8(id).ok()?;
        Some(Self {
            id,
            check,
            nonce,
            text,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    use super::OpenError;
    use crate::SealingKeys;

    const ONE: &str = "one:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const TWO: &str = "two:HxwdHh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRo=";
    const OTHER_ONE: &str = "one:HxwdHh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRo=";

    fn keys(list: &[&str]) -> SealingKeys {
        SealingKeys::parse(&list.join(",").into()).unwrap()
    }

    #[test]
    fn a_replaced_key_still_opens_what_it_sealed() {
        let sealed = keys(&[ONE]).seal(b"secret", b"place", [1; 12]).unwrap();
        let opened = keys(&[TWO, ONE]).open(&sealed, b"place").unwrap();
        assert_eq!(opened.expose_secret(), b"secret");
        assert_eq!(SealingKeys::sealed_with(&sealed), Some("one"));
    }

    #[test]
    fn a_missing_key_another_key_another_place_and_another_form_are_told_apart() {
        let sealed = keys(&[ONE]).seal(b"secret", b"place", [1; 12]).unwrap();
        let open = |list: &[&str], sealed: &[u8], place: &[u8]| keys(list).open(sealed, place).err();
        assert_eq!(
            open(&[TWO], &sealed, b"place"),
            Some(OpenError::KeyMissing("one".to_owned()))
        );
        assert_eq!(
            open(&[OTHER_ONE], &sealed, b"place"),
            Some(OpenError::OtherKey("one".to_owned()))
        );
        assert_eq!(open(&[ONE], &sealed, b"elsewhere"), Some(OpenError::Damaged));
        assert_eq!(open(&[ONE], &sealed[1..], b"place"), Some(OpenError::Form));
        assert_eq!(open(&[ONE], b"", b"place"), Some(OpenError::Form));
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens(secret: Vec<u8>, place: Vec<u8>, nonce: [u8; 12]) {
            let keys = keys(&[ONE]);
            let sealed = keys.seal(&secret, &place, nonce).unwrap();
            let opened = keys.open(&sealed, &place).unwrap();
            prop_assert_eq!(opened.expose_secret(), &secret);
        }

        #[test]
        fn a_changed_byte_is_never_taken(secret: [u8; 8], at: prop::sample::Index, flip in 1..=255_u8) {
            let keys = keys(&[ONE]);
            let mut sealed = keys.seal(&secret, b"place", [7; 12]).unwrap();
            let at = at.index(sealed.len());
            sealed[at] ^= flip;
            prop_assert!(keys.open(&sealed, b"place").is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            prop_assert!(keys(&[ONE]).open(&bytes, b"place").is_err());
        }
    }
}
