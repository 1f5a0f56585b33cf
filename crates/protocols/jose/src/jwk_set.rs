//! Sets of public keys (RFC 7517 section 5).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{KeyError, KeyId, PublicJwk, jwk_members::JwkMembers, strict_json};

/// A JWK Set, `{"keys":[…]}`, of keys that can be verified with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct JwkSet {
    keys: Vec<PublicJwk>,
}

impl JwkSet {
    /// The largest document read, in bytes.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// The most keys one document may hold, understood or not.
    pub const MAX_KEYS: usize = 100;

    /// A set of `keys`.
    ///
    /// # Errors
    /// [`KeyError::DuplicateKid`] when two have the same name, [`KeyError::TooLarge`] when they are too many.
    pub fn new(keys: Vec<PublicJwk>) -> Result<Self, KeyError> {
        if keys.len() > Self::MAX_KEYS {
            return Err(KeyError::TooLarge);
        }
        let mut names: Vec<&KeyId> = keys.iter().filter_map(PublicJwk::kid).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(KeyError::DuplicateKid);
        }
        Ok(Self { keys })
    }

    /// Reads a document from outside. Keys that are not understood, are meant for another use, or are broken are left
    /// out, as RFC 7517 section 5 asks: a set goes on working when its owner adds a key of a new kind. A private key is
    /// refused together with the whole document that gave it away.
    pub fn parse(json: &[u8]) -> Result<Self, KeyError> {
        if json.len() > Self::MAX_BYTES {
            return Err(KeyError::TooLarge);
        }
        let document: Document = strict_json::from_object(json, &[])?;
        if document.keys.len() > Self::MAX_KEYS {
            return Err(KeyError::TooLarge);
        }
        let mut keys = Vec::new();
        for entry in &document.keys {
            match JwkMembers::deserialize(entry).map(|members| PublicJwk::from_members(&members)) {
                Ok(Ok(key)) => keys.push(key),
                Ok(Err(KeyError::PrivateMember)) => return Err(KeyError::PrivateMember),
                Ok(Err(_)) | Err(_) => {}
            }
        }
        Self::new(keys)
    }

    /// The keys, in the document's order.
    #[must_use]
    pub fn keys(&self) -> &[PublicJwk] {
        &self.keys
    }

    /// The key named `kid`.
    #[must_use]
    pub fn find(&self, kid: &str) -> Option<&PublicJwk> {
        self.keys
            .iter()
            .find(|key| key.kid().is_some_and(|name| name.as_str() == kid))
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::JwkSet;
    use crate::{KeyError, KeyId, SigningKey, strict_json::StrictJsonError};

    const ED25519: &str =
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}"#;

    fn set_of(keys: &[&str]) -> Result<JwkSet, KeyError> {
        JwkSet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes())
    }

    #[test]
    fn keys_that_are_not_understood_are_left_out() {
        let set = set_of(&[
            r#"{"kty":"RSA","n":"AQ","e":"AQAB","kid":"a"}"#,
            r#"{"kty":"AKP","alg":"ML-DSA-44","pub":"AQ"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"short"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#,
            r#"{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            ED25519,
            "7",
        ])
        .unwrap();
        assert_eq!(set.keys().len(), 1);
        assert_eq!(set.find("a"), set.keys().first());
        assert_eq!(set.find("b"), None);
    }

    #[test]
    fn a_private_key_makes_the_whole_document_refused() {
        let private = ED25519.replace('}', r#","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}"#);
        assert_eq!(set_of(&[ED25519, &private]), Err(KeyError::PrivateMember));
    }

    #[test]
    fn two_keys_of_one_name_are_refused() {
        assert_eq!(set_of(&[ED25519, ED25519]), Err(KeyError::DuplicateKid));
    }

    #[test]
    fn too_many_keys_and_too_many_bytes_are_refused() {
        assert_eq!(set_of(&["{}"; 101]), Err(KeyError::TooLarge));
        assert!(set_of(&["{}"; 100]).is_ok());
        let padded = format!("{}{{\"keys\":[]}}", " ".repeat(JwkSet::MAX_BYTES));
        assert_eq!(JwkSet::parse(padded.as_bytes()), Err(KeyError::TooLarge));
    }

    #[test]
    fn what_is_not_a_set_is_refused() {
        for json in [r"{}", "[]", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, ""] {
            let refused = JwkSet::parse(json.as_bytes());
            assert!(
                matches!(
                    refused,
                    Err(KeyError::Json(
                        StrictJsonError::Malformed | StrictJsonError::DuplicateMember
                    ))
                ),
                "{json}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_published_set_is_read_back_whole_and_holds_nothing_private(seeds in prop::collection::hash_set(any::<[u8; 32]>(), 0..5)) {
            let keys = seeds.iter().map(|seed| SigningKey::generate_ed25519(seed).unwrap().public_jwk()).collect();
            let set = JwkSet::new(keys).unwrap();
            let json = serde_json::to_string(&set).unwrap();
            prop_assert!(!json.contains("\"d\""));
            prop_assert_eq!(JwkSet::parse(json.as_bytes()), Ok(set));
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
            let _ = JwkSet::parse(&bytes);
        }
    }

    #[test]
    fn keys_without_a_name_do_not_clash() {
        let nameless = ED25519.replace(r#","kid":"a""#, "");
        assert_eq!(set_of(&[&nameless, &nameless]).unwrap().keys().len(), 2);
        let named = SigningKey::generate_ed25519(&[1; 32])
            .unwrap()
            .public_jwk()
            .with_kid(KeyId::parse("x").unwrap());
        assert!(JwkSet::new(vec![named.clone(), named]).is_err());
    }
}
