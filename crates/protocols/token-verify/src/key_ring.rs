//! The keys a verifier trusts at one moment.

use std::collections::HashMap;

use chancery_jose::{JwkSet, KeyId, PublicJwk, VerifyingKey};

use crate::KeySetName;

/// The public keys of both sets, made ready. Immutable: when a key set changes, a new ring takes the old one's place, so
/// no verification sees half a change.
#[derive(Debug, Clone, Default)]
pub struct KeyRing {
    api: HashMap<KeyId, VerifyingKey>,
    trust: HashMap<KeyId, VerifyingKey>,
}

/// The keys do not make a ring.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// A key without a name can never be looked up.
    #[error("a key of the {0} set has no kid")]
    Nameless(KeySetName),
    /// Which of the two would verify?
    #[error("two keys of the {0} set are named {1}")]
    Duplicate(KeySetName, KeyId),
    /// Each set holds one type of key, so that a header's algorithm can never reach across.
    #[error("the key {1} is not of the type that the {0} set holds")]
    WrongType(KeySetName, KeyId),
}

impl KeyRing {
    /// A ring of these keys.
    pub fn new<'k>(
        api: impl IntoIterator<Item = &'k PublicJwk>,
        trust: impl IntoIterator<Item = &'k PublicJwk>,
    ) -> Result<Self, KeyRingError> {
        Ok(Self {
            api: ready(KeySetName::Api, api)?,
            trust: ready(KeySetName::Trust, trust)?,
        })
    }

    /// A ring of the keys in an issuer's document: each belongs to the set that holds keys of its type. Those without a name are
    /// left out, since no token can mean them.
    pub fn of_document(document: &JwkSet) -> Result<Self, KeyRingError> {
        let of = |set: KeySetName| {
            let keys = document.keys().iter();
            keys.filter(move |key| key.kid().is_some() && key.key_type() == set.key_type())
        };
        Self::new(of(KeySetName::Api), of(KeySetName::Trust))
    }

    /// The key named `kid` of `set`, and of that set alone.
    #[must_use]
    pub fn find(&self, set: KeySetName, kid: &str) -> Option<&VerifyingKey> {
        match set {
            KeySetName::Api => self.api.get(kid),
            KeySetName::Trust => self.trust.get(kid),
        }
    }
}

fn ready<'k>(
    set: KeySetName,
    keys: impl IntoIterator<Item = &'k PublicJwk>,
) -> Result<HashMap<KeyId, VerifyingKey>, KeyRingError> {
    let mut ready = HashMap::new();
    for key in keys {
        let kid = key.kid().cloned().ok_or(KeyRingError::Nameless(set))?;
        if key.key_type() != set.key_type() {
            return Err(KeyRingError::WrongType(set, kid));
        }
        if ready.insert(kid.clone(), VerifyingKey::from(key)).is_some() {
            return Err(KeyRingError::Duplicate(set, kid));
        }
    }
    Ok(ready)
}

#[cfg(test)]
mod tests {
    use chancery_jose::{KeyId, PublicJwk, SigningKey};

    use super::{KeyRing, KeyRingError};
    use crate::KeySetName;

    fn ed25519(seed: u8) -> PublicJwk {
        SigningKey::generate_ed25519(&[seed; 32])
            .unwrap()
            .with_kid(KeyId::parse("k").unwrap())
            .public_jwk()
    }

    #[test]
    fn a_kid_is_looked_up_in_the_named_set_alone() {
        let ring = KeyRing::new([&ed25519(1)], []).unwrap();
        assert!(ring.find(KeySetName::Api, "k").is_some());
        assert!(ring.find(KeySetName::Trust, "k").is_none());
        assert!(ring.find(KeySetName::Api, "K").is_none());
    }

    #[test]
    fn two_keys_of_one_name_make_no_ring() {
        let refused = KeyRing::new([&ed25519(1), &ed25519(2)], []).unwrap_err();
        assert!(matches!(refused, KeyRingError::Duplicate(KeySetName::Api, _)));
    }

    #[test]
    fn a_key_of_the_other_sets_type_makes_no_ring() {
        let p256 = SigningKey::generate_p256().unwrap().public_jwk();
        for refused in [
            KeyRing::new([&p256], []).unwrap_err(),
            KeyRing::new([], [&ed25519(1)]).unwrap_err(),
        ] {
            assert!(matches!(refused, KeyRingError::WrongType(..)));
        }
    }

    #[test]
    fn a_key_without_a_name_makes_no_ring() {
        let json = serde_json::to_string(&ed25519(1))
            .unwrap()
            .replace(r#""kid":"k","#, "");
        let nameless = PublicJwk::parse(&json).unwrap();
        assert_eq!(
            KeyRing::new([&nameless], []).unwrap_err(),
            KeyRingError::Nameless(KeySetName::Api)
        );
    }
}
