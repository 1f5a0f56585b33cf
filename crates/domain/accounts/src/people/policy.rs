//! What a chosen password must be.

use secrecy::{ExposeSecret, SecretString};

use crate::EmailAddress;

/// A password that is too easy to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Fewer than 14 characters.
    #[error("a password has at least {MIN_CHARS} characters")]
    Short,
    /// More bytes than are hashed.
    #[error("a password has at most {MAX_BYTES} bytes")]
    Long,
    /// All of one class.
    #[error("a password has at least two of: upper case, lower case, digits, others")]
    OneClass,
    /// A machine would guess it soon, knowing the address.
    #[error("this password is easy to guess: use several unrelated words, or a password manager")]
    Guessable,
    /// On a list of passwords that were stolen somewhere.
    #[error("this password is on a list of stolen passwords")]
    Stolen,
    /// One of the person's last ones.
    #[error("this password was used before")]
    Reused,
}

const MIN_CHARS: usize = 14;
/// The same as the hash pool takes.
const MAX_BYTES: usize = 1024;
/// How much of a password is looked at for guessing: the estimate takes longer than the text grows.
const ESTIMATED_CHARS: usize = 100;

/// Refuses a chosen password that is too easy to guess for who knows the person's address.
pub(crate) fn check(password: &SecretString, email: &EmailAddress) -> Result<(), WeakPassword> {
    let password = password.expose_secret();
    if password.chars().count() < MIN_CHARS {
        return Err(WeakPassword::Short);
    }
    if password.len() > MAX_BYTES {
        return Err(WeakPassword::Long);
    }
    let classes: [fn(char) -> bool; 4] = [char::is_lowercase, char::is_uppercase, char::is_numeric, |c| {
        !c.is_lowercase() && !c.is_uppercase() && !c.is_numeric()
    }];
    let present = classes.iter().filter(|class| password.chars().any(class)).count();
    if present < 2 {
        return Err(WeakPassword::OneClass);
    }
    let looked_at: String = password.chars().take(ESTIMATED_CHARS).collect();
    let hints: Vec<&str> = email
        .as_str()
        .split(['@', '.', '+', '-', '_'])
        .chain([email.as_str()])
        .collect();
    if zxcvbn::zxcvbn(&looked_at, &hints).score() < zxcvbn::Score::Three {
        return Err(WeakPassword::Guessable);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{WeakPassword, check};
    use crate::EmailAddress;

    #[test]
    fn a_password_is_long_mixed_and_hard_to_guess() {
        let email = EmailAddress::parse("ada.lovelace@example.org").unwrap();
        for (password, verdict) in [
            ("correct horse", Err(WeakPassword::Short)),
            ("correcthorsebatterystaple", Err(WeakPassword::OneClass)),
            ("correct-Horse-battery-9", Ok(())),
            ("Password123456789", Err(WeakPassword::Guessable)),
            ("ada.lovelace@example.org", Err(WeakPassword::Guessable)),
            ("aaaaaaaaaaaaaa1", Err(WeakPassword::Guessable)),
        ] {
            assert_eq!(check(&password.into(), &email), verdict, "{password}");
        }
        assert_eq!(check(&"aB3-".repeat(300).into(), &email), Err(WeakPassword::Long));
    }
}
