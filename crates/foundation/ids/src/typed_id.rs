//! `TypedId`: a UUID that knows what it names.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// What an id names, and how it is written.
pub trait Kind: 'static {
    /// Written before the UUID, with its underscore; empty for a bare hyphenated UUID.
    const PREFIX: &'static str;
    /// The noun used in error messages.
    const NOUN: &'static str;
}

/// An identifier of one kind. Ordered by its UUID, so UUIDv7 ids sort by the time they were drawn.
pub struct TypedId<K> {
    uuid: Uuid,
    kind: PhantomData<fn() -> K>,
}

impl<K> TypedId<K> {
    /// Names the thing that `uuid` stands for.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self {
            uuid,
            kind: PhantomData,
        }
    }

    /// The UUID without its kind, for storage and for keyed hashes.
    #[must_use]
    pub const fn as_uuid(&self) -> Uuid {
        self.uuid
    }
}

/// The text is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {noun} id")]
pub struct IdError {
    noun: &'static str,
}

impl<K: Kind> FromStr for TypedId<K> {
    type Err = IdError;

    /// Accepts exactly the text that `Display` writes; for bare UUIDs, upper-case digits too.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = IdError { noun: K::NOUN };
        let digits = text.strip_prefix(K::PREFIX).ok_or(error)?;
        let expected_length = if K::PREFIX.is_empty() { 36 } else { 32 };
        if digits.len() != expected_length {
            return Err(error);
        }
        Uuid::try_parse(digits).map(Self::from_uuid).map_err(|_| error)
    }
}

impl<K: Kind> fmt::Display for TypedId<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if K::PREFIX.is_empty() {
            fmt::Display::fmt(&self.uuid, f)
        } else {
            write!(f, "{}{}", K::PREFIX, self.uuid.simple())
        }
    }
}

impl<K: Kind> fmt::Debug for TypedId<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: Kind> Serialize for TypedId<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for TypedId<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

// Derives would ask the same of `K`, which is only a name.
impl<K> Clone for TypedId<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for TypedId<K> {}
impl<K> PartialEq for TypedId<K> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<K> Eq for TypedId<K> {}
impl<K> PartialOrd for TypedId<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for TypedId<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<K> Hash for TypedId<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::{RunId, TenantId};

    #[test]
    fn a_prefixed_id_refuses_the_bare_uuid_and_other_prefixes() {
        assert!("018f3f66-5f0b-7cc0-8000-000000000001".parse::<RunId>().is_err());
        assert!("msg_018f3f665f0b7cc08000000000000001".parse::<RunId>().is_err());
    }

    #[test]
    fn a_bare_id_refuses_braces_and_urns() {
        assert!(
            "{018f3f66-5f0b-7cc0-8000-000000000001}"
                .parse::<TenantId>()
                .is_err()
        );
        assert!(
            "urn:uuid:018f3f66-5f0b-7cc0-8000-000000000001"
                .parse::<TenantId>()
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bits: u128) {
            let uuid = uuid::Uuid::from_u128(bits);
            prop_assert_eq!(RunId::from_uuid(uuid).to_string().parse(), Ok(RunId::from_uuid(uuid)));
            prop_assert_eq!(TenantId::from_uuid(uuid).to_string().parse(), Ok(TenantId::from_uuid(uuid)));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,80}") {
            let _ = text.parse::<RunId>();
            let _ = text.parse::<TenantId>();
        }
    }
}
