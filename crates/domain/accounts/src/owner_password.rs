//! The first owner's password, and how one is made.

use chancery_ambient::Ambient;
use secrecy::SecretString;

/// Where the first owner's password comes from.
#[derive(Debug)]
pub enum OwnerPassword {
    /// The operator chose it.
    Chosen(SecretString),
    /// It is drawn here and shown once.
    Drawn,
}

/// Crockford's base 32 in lower case: no letter that looks like another or like a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

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

    use super::draw_owner_password;
    use crate::{EmailAddress, people};

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
        let email = EmailAddress::parse("owner@localhost").unwrap();
        assert_eq!(people::check(&one, &email), Ok(()));
    }
}
