//! The conversation id on the wire.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::ConversationId;

/// The name of a conversation on the wire: chosen by the client or drawn by the server, unique per (tenant, person).
/// 1 to 255 bytes without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ConversationKey(String);

/// Why a text is not a conversation key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConversationKeyError {
    /// Nothing was given.
    #[error("a conversation id cannot be empty")]
    Empty,
    /// More than [`ConversationKey::MAX_BYTES`] bytes.
    #[error("a conversation id has at most 255 bytes")]
    TooLong,
    /// A control character, such as NUL or a line break.
    #[error("a conversation id cannot hold control characters")]
    ControlCharacter,
}

impl ConversationKey {
    /// The longest key, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Checks a key that came from outside.
    pub fn parse(text: impl Into<String>) -> Result<Self, ConversationKeyError> {
        let text = text.into();
        if text.is_empty() {
            return Err(ConversationKeyError::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(ConversationKeyError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(ConversationKeyError::ControlCharacter);
        }
        Ok(Self(text))
    }

    /// The key of a conversation whose client chose none: the row's UUID.
    #[must_use]
    pub fn drawn(row: &ConversationId) -> Self {
        Self(row.as_uuid().to_string())
    }

    /// The key as it stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConversationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ConversationKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{ConversationKey, ConversationKeyError};

    #[test]
    fn the_bound_counts_bytes_not_characters() {
        assert!(ConversationKey::parse("a".repeat(255)).is_ok());
        assert_eq!(
            ConversationKey::parse("é".repeat(128)),
            Err(ConversationKeyError::TooLong)
        );
    }

    #[test]
    fn control_characters_and_nothing_are_refused() {
        assert_eq!(ConversationKey::parse(""), Err(ConversationKeyError::Empty));
        assert_eq!(
            ConversationKey::parse("a\0b"),
            Err(ConversationKeyError::ControlCharacter)
        );
    }
}
