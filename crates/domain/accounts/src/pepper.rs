//! Peppers: the secret that passwords are mixed with before they are hashed.

use std::fmt;

use chancery_tokens::{PepperError, PepperList};
use ring::hmac;
use secrecy::SecretString;

/// The peppers that stored hashes were made under; the first makes new ones. Kept away from the database, so that stolen
/// hashes alone cannot be guessed at.
#[derive(Clone)]
pub struct PasswordPeppers(PepperList<hmac::Key>);

impl PasswordPeppers {
    /// Reads `secret`, or several `id:secret` with commas between. One may be left out once no stored hash names it.
    pub fn parse(text: &SecretString) -> Result<Self, PepperError> {
        let key = |secret: &str| Some(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
        PepperList::parse(text, key).map(Self)
    }

    pub(crate) fn current_id(&self) -> &str {
        self.0.current_id()
    }

    /// HMAC-SHA-256 of the password (RFC 2104) under the pepper that writes.
    pub(crate) fn mix_current(&self, password: &[u8]) -> hmac::Tag {
        hmac::sign(self.0.current(), password)
    }

    /// The same under the pepper of this id; `None` when there is none.
    pub(crate) fn mix(&self, id: &str, password: &[u8]) -> Option<hmac::Tag> {
        self.0.find(id).map(|key| hmac::sign(key, password))
    }
}

impl fmt::Debug for PasswordPeppers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordPeppers({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use chancery_tokens::UNNAMED_PEPPER;

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
                .mix(UNNAMED_PEPPER, b"password")
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
