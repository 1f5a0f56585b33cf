//! Whom a token is for.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, SeqAccess, Visitor},
};

/// The audiences of a token (`aud`, RFC 7519 section 4.1.3): read from one string or an array of strings, written as an
/// array. Never empty once read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Audiences(Vec<String>);

impl Audiences {
    /// Whether `audience` is one of them.
    #[must_use]
    pub fn contains(&self, audience: &str) -> bool {
        self.0.iter().any(|own| own == audience)
    }

    /// Whether any of `accepted` is one of them.
    #[must_use]
    pub fn intersects(&self, accepted: &[String]) -> bool {
        accepted.iter().any(|audience| self.contains(audience))
    }

    /// All of them, in the token's order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<S: Into<String>> FromIterator<S> for Audiences {
    fn from_iter<I: IntoIterator<Item = S>>(audiences: I) -> Self {
        Self(audiences.into_iter().map(Into::into).collect())
    }
}

impl<'de> Deserialize<'de> for Audiences {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Audiences;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an audience or an array of audiences")
            }

            fn visit_str<E: de::Error>(self, one: &str) -> Result<Audiences, E> {
                Ok(Audiences(vec![one.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut many: A) -> Result<Audiences, A::Error> {
                let mut audiences = Vec::new();
                while let Some(audience) = many.next_element()? {
                    audiences.push(audience);
                }
                if audiences.is_empty() {
                    return Err(de::Error::custom("a token is for somebody"));
                }
                Ok(Audiences(audiences))
            }
        }

        deserializer.deserialize_any(OneOrMany)
    }
}

#[cfg(test)]
mod tests {
    use super::Audiences;

    fn read(json: &str) -> Result<Audiences, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn one_string_means_an_array_of_one() {
        assert_eq!(read(r#""a""#).unwrap(), read(r#"["a"]"#).unwrap());
        assert_eq!(
            serde_json::to_string(&read(r#""a""#).unwrap()).unwrap(),
            r#"["a"]"#
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for json in ["[]", "null", "7", r#"["a",7]"#, r#"{"a":1}"#, r#"[["a"]]"#] {
            assert!(read(json).is_err(), "{json}");
        }
    }
}
