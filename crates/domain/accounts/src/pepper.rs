//! Peppers: the secret that passwords are mixed with before they are hashed.

use std::fmt;

use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

/// The peppers that stored hashes were made under; the first makes new ones. Kept away from the database, so that stolen
/// hashes alone cannot be guessed at.
#[derive(Clone)]
pub struct PasswordPeppers {
    current: Pepper,
    earlier: Vec<Pepper>,
}

#[derive(Clone)]
struct Pepper {
    id: String,
    key: hmac::Key,
}

/// Why a setting lists no peppers. Says nothing of the secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PepperError {
    /// An id stands beside every hash in the clear, so it has a narrow form.
    #[error("the id of a pepper has 1 to 32 letters, digits, '-' or '_'")]
    Id,
    /// Two entries have one id.
    #[error("two peppers have the same id")]
    Repeated,
    /// An entry has no secret.
    #[error("a pepper has no secret")]
    Empty,
}

impl PasswordPeppers {
    /// The id of a pepper that is given without one.
    pub const UNNAMED: &str = "0";

    /// Reads `secret`, or several `id:secret` with commas between. The first writes, all read; one may be left out once no
    /// stored hash names it. A secret without an id has the id [`Self::UNNAMED`], so that `1:new,0:old` succeeds `old`.
    pub fn parse(text: &SecretString) -> Result<Self, PepperError> {
        let mut peppers: Vec<Pepper> = Vec::new();
        for entry in text.expose_secret().split(',') {
            let pepper = Pepper::parse(entry.trim())?;
            if peppers.iter().any(|other| other.id == pepper.id) {
                return Err(PepperError::Repeated);
            }
            peppers.push(pepper);
        }
        let mut peppers = peppers.into_iter();
        Ok(Self {
            current: peppers.next().ok_or(PepperError::Empty)?,
            earlier: peppers.collect(),
        })
    }

    pub(crate) fn current_id(&self) -> &str {
        &self.current.id
    }

    pub(crate) fn mix_current(&self, password: &[u8]) -> hmac::Tag {
        self.current.mix(password)
    }

    /// `None` when no pepper has this id.
    pub(crate) fn mix(&self, id: &str, password: &[u8]) -> Option<hmac::Tag> {
        std::iter::once(&self.current)
            .chain(&self.earlier)
            .find(|pepper| pepper.id == id)
            .map(|pepper| pepper.mix(password))
    }
}

impl fmt::Debug for PasswordPeppers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PasswordPeppers({} and {} earlier)",
            self.current.id,
            self.earlier.len()
        )
    }
}

impl Pepper {
    fn parse(entry: &str) -> Result<Self, PepperError> {
        let (id, secret) = entry.split_once(':').unwrap_or((PasswordPeppers::UNNAMED, entry));
        let clean = id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !clean || !(1..=32).contains(&id.len()) {
            return Err(PepperError::Id);
        }
        if secret.is_empty() {
            return Err(PepperError::Empty);
        }
        Ok(Self {
            id: id.to_owned(),
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
        })
    }

    /// HMAC-SHA-256 of the password (RFC 2104).
    fn mix(&self, password: &[u8]) -> hmac::Tag {
        hmac::sign(&self.key, password)
    }
}

#[cfg(test)]
mod tests {
    use super::{PasswordPeppers, PepperError};

    #[test]
    fn the_first_writes_and_all_read() {
        let peppers = PasswordPeppers::parse(&"2:new, 1:old".into()).unwrap();
        assert_eq!(peppers.current_id(), "2");
        assert!(peppers.mix("1", b"password").is_some());
        assert!(peppers.mix("0", b"password").is_none());
    }

    #[test]
    fn a_secret_alone_stays_readable_under_its_default_id() {
        let (before, after) = ("old", "1:new,0:old");
        let mixed = |text: &str| {
            let peppers = PasswordPeppers::parse(&text.into()).unwrap();
            peppers
                .mix(PasswordPeppers::UNNAMED, b"password")
                .unwrap()
                .as_ref()
                .to_vec()
        };
        assert_eq!(mixed(before), mixed(after));
    }

    #[test]
    fn a_list_that_would_blur_the_stored_form_is_refused() {
        for (text, error) in [
            ("", PepperError::Empty),
            ("a:", PepperError::Empty),
            ("a:x,", PepperError::Empty),
            (":x", PepperError::Id),
            ("a$b:x", PepperError::Id),
            ("a:x,a:y", PepperError::Repeated),
        ] {
            assert_eq!(
                PasswordPeppers::parse(&text.into()).unwrap_err(),
                error,
                "{text:?}"
            );
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let peppers = PasswordPeppers::parse(&"1:topsecret".into()).unwrap();
        assert_eq!(format!("{peppers:?}"), "PasswordPeppers(1 and 0 earlier)");
    }
}
