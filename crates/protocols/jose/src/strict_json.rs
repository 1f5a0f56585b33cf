//! JSON objects read strictly. Two readers of one signed document must see the same thing, so an object that names a
//! member twice, at any depth, is refused (RFC 7519 section 4 and RFC 7515 section 4 allow that): serde by itself takes
//! the last of two members it does not know.

use std::{borrow::Cow, cell::Cell, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};

/// Why a document was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StrictJsonError {
    /// Not JSON, not an object, or members missing or of the wrong type.
    #[error("it is not JSON of the expected form")]
    Malformed,
    /// One object names a member twice.
    #[error("a member occurs twice")]
    DuplicateMember,
    /// A member that the caller does not take at the top level.
    #[error("the member `{0}` is refused")]
    RefusedMember(&'static str),
    /// Nested deeper than [`MAX_DEPTH`] or with more than [`MAX_MEMBERS`] members in one object.
    #[error("it is nested too deeply or has too many members")]
    TooComplex,
}

/// How deep a document may nest.
pub const MAX_DEPTH: usize = 32;

/// How many members one object may have.
pub const MAX_MEMBERS: usize = 64;

/// Reads one JSON object, whose top level must not have a member named in `refused`. Members that `T` does not know are
/// ignored, as the JOSE standards ask.
///
/// The bytes are walked twice: once for the checks, which build nothing, and once to fill `T`.
pub fn from_object<'a, T: Deserialize<'a>>(
    json: &'a [u8],
    refused: &'static [&'static str],
) -> Result<T, StrictJsonError> {
    let violation = Cell::new(None);
    let walk = Walk {
        violation: &violation,
        refused,
        depth: 0,
    };
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    walk.deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|_| violation.take().unwrap_or(StrictJsonError::Malformed))?;
    serde_json::from_slice(json).map_err(|_| StrictJsonError::Malformed)
}

/// Walks a value. The document itself, at depth 0, has to be an object.
#[derive(Clone, Copy)]
struct Walk<'c> {
    violation: &'c Cell<Option<StrictJsonError>>,
    refused: &'static [&'static str],
    depth: usize,
}

impl Walk<'_> {
    fn below(self) -> Self {
        Self {
            refused: &[],
            depth: self.depth + 1,
            ..self
        }
    }

    fn refuse<E: de::Error>(self, why: StrictJsonError) -> E {
        self.violation.set(Some(why));
        E::custom("")
    }

    fn scalar<E: de::Error>(self) -> Result<(), E> {
        if self.depth == 0 {
            Err(self.refuse(StrictJsonError::Malformed))
        } else {
            Ok(())
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.depth > MAX_DEPTH {
            return Err(self.refuse(StrictJsonError::TooComplex));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // Objects are small here: comparing with each earlier name is quicker than hashing.
        let mut seen: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Name(name)) = map.next_key()? {
            if let Some(refused) = self.refused.iter().find(|refused| **refused == name) {
                return Err(self.refuse(StrictJsonError::RefusedMember(refused)));
            }
            if seen.contains(&name) {
                return Err(self.refuse(StrictJsonError::DuplicateMember));
            }
            if seen.len() == MAX_MEMBERS {
                return Err(self.refuse(StrictJsonError::TooComplex));
            }
            seen.push(name);
            map.next_value_seed(self.below())?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.scalar()?;
        while seq.next_element_seed(self.below())?.is_some() {}
        Ok(())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        self.scalar()
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        self.scalar()
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        self.scalar()
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.scalar()
    }
}

/// A member's name, with its escapes resolved; borrowed where there were none.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::{StrictJsonError, from_object};

    fn read(json: &str) -> Result<Value, StrictJsonError> {
        from_object(json.as_bytes(), &["jku"])
    }

    #[test]
    fn a_member_named_twice_is_refused_at_any_depth_and_in_any_spelling() {
        for json in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":{"a":1,"b":2,"a":3}}"#,
            r#"{"x":[{"a":1,"a":null}]}"#,
        ] {
            assert_eq!(read(json), Err(StrictJsonError::DuplicateMember), "{json}");
        }
        assert!(read(r#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn a_refused_member_is_refused_at_the_top_level_alone() {
        assert_eq!(
            read(r#"{"\u006aku":null}"#),
            Err(StrictJsonError::RefusedMember("jku"))
        );
        assert!(read(r#"{"a":{"jku":1}}"#).is_ok());
    }

    #[test]
    fn what_is_not_one_object_is_malformed() {
        for json in [
            "",
            "1",
            "null",
            r#""a""#,
            "[]",
            "{}{}",
            "{} x",
            r#"{"a":}"#,
            "{'a':1}",
        ] {
            assert_eq!(read(json), Err(StrictJsonError::Malformed), "{json}");
        }
    }

    #[test]
    fn deep_nesting_and_many_members_are_refused() {
        let nested = |depth| format!(r#"{{"a":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nested(31)).is_ok());
        assert_eq!(read(&nested(32)), Err(StrictJsonError::TooComplex));
        assert!(read(&nested(100_000)).is_err());

        let wide = |count: usize| {
            let members: Vec<String> = (0..count).map(|n| format!(r#""m{n}":{n}"#)).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(read(&wide(64)).is_ok());
        assert_eq!(read(&wide(65)), Err(StrictJsonError::TooComplex));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = from_object::<Value>(&bytes, &[]);
        }

        #[test]
        fn an_object_with_distinct_members_is_read_as_serde_json_reads_it(
            members in proptest::collection::btree_map(".{0,8}", any::<i64>(), 0..20),
        ) {
            let json = serde_json::to_string(&members).unwrap();
            prop_assert_eq!(read(&json).ok(), serde_json::from_str(&json).ok());
        }
    }
}
