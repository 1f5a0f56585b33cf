//! What is searched for.

/// The words of a search: 1 to [`SearchQuery::MAX_CHARS`] characters, trimmed, without control characters (which no
/// message is searched for, and of which one is more than Postgres can store).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchQuery(String);

/// The text cannot be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Nothing is left when it is trimmed.
    #[error("a search needs words")]
    Empty,
    /// It is too long.
    #[error("a search has at most {} characters", SearchQuery::MAX_CHARS)]
    TooLong,
}

impl SearchQuery {
    /// The longest query, in characters.
    pub const MAX_CHARS: usize = 256;

    /// Reads text from outside. Control characters count as white space.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let spaced: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let trimmed = spaced.trim();
        match trimmed.chars().count() {
            0 => Err(QueryError::Empty),
            1..=Self::MAX_CHARS => Ok(Self(trimmed.to_owned())),
            _ => Err(QueryError::TooLong),
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
    use super::{QueryError, SearchQuery};

    #[test]
    fn white_space_and_control_characters_are_no_words() {
        for text in ["", "  \t ", "\0", " \n\0 "] {
            assert_eq!(SearchQuery::parse(text), Err(QueryError::Empty), "{text:?}");
        }
        assert_eq!(SearchQuery::parse(" a\0b ").unwrap().as_str(), "a b");
    }

    #[test]
    fn the_bound_counts_characters_after_trimming() {
        assert!(SearchQuery::parse(&format!("  {}  ", "é".repeat(256))).is_ok());
        assert_eq!(SearchQuery::parse(&"é".repeat(257)), Err(QueryError::TooLong));
    }
}
