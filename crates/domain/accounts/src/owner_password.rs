//! The first owner's password: what a chosen one must have at least, and how one is made.

use chancery_ambient::Ambient;
use secrecy::{ExposeSecret, SecretString};

/// Where the first owner's password comes from.
#[derive(Debug)]
pub enum OwnerPassword {
    /// The operator chose it.
    Chosen(SecretString),
    /// It is drawn here and shown once.
    Drawn,
}

/// A password that is too easy to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Fewer than 14 characters.
    #[error("a password has at least {MIN_CHARS} characters")]
    Short,
    /// All of one class.
    #[error("a password has at least two of: upper case, lower case, digits, others")]
    OneClass,
}

const MIN_CHARS: usize = 14;

/// Crockford's base 32 in lower case: no letter that looks like another or like a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Refuses a chosen password that is too easy to guess.
pub(crate) fn check(password: &SecretString) -> Result<(), WeakPassword> {
    let password = password.expose_secret();
    if password.chars().count() < MIN_CHARS {
        return Err(WeakPassword::Short);
    }
    let classes: [fn(char) -> bool; 4] = [char::is_lowercase, char::is_uppercase, char::is_numeric, |c| {
        !c.is_lowercase() && !c.is_uppercase() && !c.is_numeric()
    }];
    let present = classes.iter().filter(|class| password.chars().any(class)).count();
    if present < 2 {
        return Err(WeakPassword::OneClass);
    }
    Ok(())
}

/// Five groups of five, such as `k3v9t-7xm2q-…`: 125 random bits that a person can type.
///
/// For a server that writes the password down before it asks for the owner, so that a crash between the two loses nothing.
#[must_use]
pub fn draw_owner_password(ambient: &Ambient) -> SecretString {
    let random: [u8; 25] = ambient.random();
    let mut password = String::with_capacity(29);
    for (place, byte) in random.iter().enumerate() {
        if place > 0 && place % 5 == 0 {
            password.push('-');
        }
        // 256 is a multiple of 32, so no character is likelier than another.
        let letter = ALPHABET.get(usize::from(byte % 32)).copied().unwrap_or(b'0');
        password.push(char::from(letter));
    }
    password.into()
}

#[cfg(test)]
mod tests {
    use chancery_ambient::Ambient;
    use secrecy::ExposeSecret;

    use super::{WeakPassword, check, draw_owner_password};

    #[test]
    fn fourteen_characters_of_two_classes_are_enough() {
        assert_eq!(check(&"correct horse1".into()), Ok(()));
        assert_eq!(check(&"correct horse".into()), Err(WeakPassword::Short));
        assert_eq!(check(&"correcthorsebattery".into()), Err(WeakPassword::OneClass));
    }

    #[test]
    fn a_drawn_password_is_easy_to_type_hard_to_guess_and_passes_the_check() {
        let ambient = Ambient::system();
        let (one, other) = (draw_owner_password(&ambient), draw_owner_password(&ambient));
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert_eq!(one.expose_secret().len(), 29);
        assert_eq!(
            one.expose_secret().split('-').map(str::len).collect::<Vec<_>>(),
            [5; 5]
        );
        assert_eq!(check(&one), Ok(()));
    }
}
