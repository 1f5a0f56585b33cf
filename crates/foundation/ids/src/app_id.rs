//! The name of an app, which is its OAuth `client_id` too.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An API client of a tenant: `app_` and 16 hex digits, the form that published clients know. It is a public name, not a
/// secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppId(u64);

/// The text is no app's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid app id")]
pub struct AppIdError;

const PREFIX: &str = "app_";

impl AppId {
    /// The app that these random bytes name.
    #[must_use]
    pub const fn from_random(bytes: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(bytes))
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{:016x}", self.0)
    }
}

impl FromStr for AppId {
    type Err = AppIdError;

    /// Accepts exactly the text that `Display` writes.
    fn from_str(text: &str) -> Result<Self, AppIdError> {
        let digits = text.strip_prefix(PREFIX).ok_or(AppIdError)?;
        let written = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
        if digits.len() != 16 || !digits.bytes().all(written) {
            return Err(AppIdError);
        }
        u64::from_str_radix(digits, 16).map(Self).map_err(|_| AppIdError)
    }
}

impl Serialize for AppId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AppId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::AppId;

    #[test]
    fn an_app_is_read_as_it_was_written_and_no_other_way() {
        let app = AppId::from_random([0, 1, 2, 3, 4, 5, 6, 0xff]);
        assert_eq!(app.to_string(), "app_00010203040506ff");
        assert_eq!("app_00010203040506ff".parse(), Ok(app));
        for text in [
            "",
            "app_",
            "00010203040506ff",
            "app_00010203040506FF",
            "app_+0010203040506f",
            "app_00010203040506ff0",
        ] {
            assert!(text.parse::<AppId>().is_err(), "{text}");
        }
    }
}
