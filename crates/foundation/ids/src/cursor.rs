//! The opaque place in a keyset-paginated list.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, de::DeserializeOwned};

/// A place in a list, opaque to clients: base64url of the JSON of the last item's sort key. It grants nothing, so it is
/// not signed; a list applies its tenant and owner filter whatever the cursor says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(String);

/// The text is not a cursor of this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one this list gave out")]
pub struct CursorError;

impl Cursor {
    /// The longest accepted text, in bytes.
    pub const MAX_BYTES: usize = 1024;

    /// Makes the cursor of a sort key.
    #[must_use]
    pub fn of<T: Serialize>(key: &T) -> Self {
        let json = serde_json::to_vec(key).unwrap_or_default();
        Self(URL_SAFE_NO_PAD.encode(json))
    }

    /// Takes a cursor from outside. Only its size is looked at here; [`Cursor::read`] does the rest.
    pub fn parse(text: impl Into<String>) -> Result<Self, CursorError> {
        let text = text.into();
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            Err(CursorError)
        } else {
            Ok(Self(text))
        }
    }

    /// The sort key inside.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, CursorError> {
        let json = URL_SAFE_NO_PAD.decode(&self.0).map_err(|_| CursorError)?;
        serde_json::from_slice(&json).map_err(|_| CursorError)
    }

    /// The text that stands on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Cursor;

    proptest! {
        #[test]
        fn a_sort_key_survives_the_round_trip(at: i64, id: u128) {
            let cursor = Cursor::of(&(at, id.to_string()));
            let read: (i64, String) = Cursor::parse(cursor.as_str()).unwrap().read().unwrap();
            prop_assert_eq!(read, (at, id.to_string()));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,200}") {
            if let Ok(cursor) = Cursor::parse(text) {
                let _ = cursor.read::<(i64, String)>();
            }
        }
    }
}
