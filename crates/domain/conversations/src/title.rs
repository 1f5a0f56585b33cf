//! What a person calls a conversation.

/// A title: 1 to [`Title::MAX_CHARS`] characters, trimmed, on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title(String);

/// The text is no title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TitleError {
    /// Nothing is left when it is trimmed.
    #[error("a title has at least one character")]
    Empty,
    /// It is too long.
    #[error("a title has at most {} characters", Title::MAX_CHARS)]
    TooLong,
    /// It would not be one line.
    #[error("a title has no control characters")]
    ControlCharacter,
}

impl Title {
    /// The longest title, in characters.
    pub const MAX_CHARS: usize = 128;

    /// Reads text from outside.
    pub fn parse(text: &str) -> Result<Self, TitleError> {
        let trimmed = text.trim();
        if trimmed.chars().any(char::is_control) {
            return Err(TitleError::ControlCharacter);
        }
        match trimmed.chars().count() {
            0 => Err(TitleError::Empty),
            1..=Self::MAX_CHARS => Ok(Self(trimmed.to_owned())),
            _ => Err(TitleError::TooLong),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Title, TitleError};

    #[test]
    fn a_title_is_one_trimmed_line_of_up_to_128_characters() {
        assert_eq!(Title::parse("  Über uns ").unwrap().as_str(), "Über uns");
        assert!(Title::parse(&"é".repeat(128)).is_ok());
        for (text, error) in [
            ("", TitleError::Empty),
            (" \t ", TitleError::Empty),
            ("a\nb", TitleError::ControlCharacter),
            ("a\0b", TitleError::ControlCharacter),
            (&"é".repeat(129), TitleError::TooLong),
        ] {
            assert_eq!(Title::parse(text), Err(error), "{text:?}");
        }
    }
}
