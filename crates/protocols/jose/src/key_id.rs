//! The name of a key.

use std::{borrow::Borrow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de};

/// A key's name (`kid`, RFC 7517 section 4.5): 1 to 255 bytes without control characters. It is only ever looked up in
/// a set that the reader chose; it proves nothing and leads to no file, address or query.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct KeyId(String);

/// The text cannot be the name of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a kid has 1 to 255 bytes and no control characters")]
pub struct KeyIdError;

impl KeyId {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Checks a name that came from outside.
    pub fn parse(text: impl Into<String>) -> Result<Self, KeyIdError> {
        let text = text.into();
        let allowed = 1..=Self::MAX_BYTES;
        if allowed.contains(&text.len()) && !text.chars().any(char::is_control) {
            Ok(Self(text))
        } else {
            Err(KeyIdError)
        }
    }

    /// The name of a key that nobody named: its thumbprint, which is base64url and so always a valid name.
    pub(crate) const fn of_thumbprint(thumbprint: String) -> Self {
        Self(thumbprint)
    }

    /// The name as it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Lets a map of keys be asked with the text a header carries.
impl Borrow<str> for KeyId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::KeyId;

    #[test]
    fn empty_long_and_control_characters_are_refused() {
        for text in ["", "a\nb", "a\0", &"k".repeat(256)] {
            assert!(KeyId::parse(text).is_err(), "{text:?}");
        }
        assert!(KeyId::parse("k".repeat(255)).is_ok());
    }
}
