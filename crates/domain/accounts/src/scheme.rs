//! How a password becomes a stored hash, and how the two are compared.
//!
//! HMAC-SHA-256 under the pepper, then Argon2id (RFC 9106) with the parameters that OWASP names for interactive login. The
//! stored form is `<pepper id>:<PHC string>`.

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
    password_hash::{Error as HashError, phc},
};
use secrecy::{ExposeSecret, SecretString};

use crate::{PasswordHash, PasswordPeppers};

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

pub(crate) const SALT_BYTES: usize = 16;

/// The longest password, in bytes.
pub(crate) const MAX_PASSWORD_BYTES: usize = 1024;

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is not the one.
    Wrong,
    /// It is; `renew` when the hash was made with other parameters, or under another pepper, than new ones are.
    Right {
        /// Whether to replace the stored hash.
        renew: bool,
    },
}

/// The parameters and the peppers.
pub(crate) struct Scheme {
    peppers: PasswordPeppers,
    /// Compared with when there is no stored hash, so that nobody can tell by the time it takes.
    stand_in: PasswordHash,
}

impl Scheme {
    /// `salt` is that of the stand-in.
    pub(crate) fn new(peppers: PasswordPeppers, salt: [u8; SALT_BYTES]) -> Result<Self, HashError> {
        let stand_in = hash(&peppers, b"", &salt)?;
        Ok(Self { peppers, stand_in })
    }

    pub(crate) fn hash(
        &self,
        password: &SecretString,
        salt: [u8; SALT_BYTES],
    ) -> Result<PasswordHash, HashError> {
        hash(&self.peppers, password.expose_secret().as_bytes(), &salt)
    }

    /// Does one hashing whatever is stored. A hash that cannot be read or whose pepper is gone fits no password: before
    /// the password is right, every answer is the same.
    pub(crate) fn verify(&self, password: &SecretString, stored: Option<&PasswordHash>) -> Verdict {
        let password = password.expose_secret().as_bytes();
        let fitting = stored.filter(|_| password.len() <= MAX_PASSWORD_BYTES);
        fitting
            .and_then(|stored| self.compare(stored, password))
            .unwrap_or_else(|| {
                // The answer is not wanted, the time it takes is.
                let _ = self.compare(&self.stand_in, b"");
                Verdict::Wrong
            })
    }

    /// `None` when nothing was hashed because the stored text cannot be read. That is the operator's to mend, so it is
    /// logged.
    fn compare(&self, stored: &PasswordHash, password: &[u8]) -> Option<Verdict> {
        let (pepper_id, text) = stored.as_stored().split_once(':').unwrap_or_default();
        let Some(mixed) = self.peppers.mix(pepper_id, password) else {
            tracing::error!(
                pepper_id,
                "a password hash was made under a pepper that is not configured"
            );
            return None;
        };
        let readable = phc::PasswordHash::new(text)
            .ok()
            .filter(|phc| phc.salt.is_some() && phc.hash.is_some());
        let compared = readable.map(|phc| (Argon2::default().verify_password(mixed.as_ref(), &phc), phc));
        match compared {
            Some((Ok(()), phc)) => {
                let renew = pepper_id != self.peppers.current_id() || !has_todays_parameters(&phc);
                Some(Verdict::Right { renew })
            }
            Some((Err(HashError::PasswordInvalid), _)) => Some(Verdict::Wrong),
            Some((Err(_), _)) | None => {
                tracing::error!("a stored password hash is damaged");
                None
            }
        }
    }
}

fn hash(peppers: &PasswordPeppers, password: &[u8], salt: &[u8]) -> Result<PasswordHash, HashError> {
    let mixed = peppers.mix_current(password);
    let phc: phc::PasswordHash = todays_argon2()?.hash_password_with_salt(mixed.as_ref(), salt)?;
    Ok(PasswordHash::from_stored(format!(
        "{}:{phc}",
        peppers.current_id()
    )))
}

fn todays_parameters() -> Result<Params, argon2::Error> {
    Params::new(MEMORY_KIB, PASSES, LANES, None)
}

fn todays_argon2() -> Result<Argon2<'static>, HashError> {
    let params = todays_parameters()?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn has_todays_parameters(phc: &phc::PasswordHash) -> bool {
    let same = todays_parameters()
        .ok()
        .zip(Params::try_from(phc).ok())
        .is_some_and(|(today, then)| {
            (today.m_cost(), today.t_cost(), today.p_cost()) == (then.m_cost(), then.t_cost(), then.p_cost())
        });
    same && phc.algorithm == argon2::ARGON2ID_IDENT && phc.version == Some(Version::V0x13.into())
}

#[cfg(test)]
mod tests {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version, password_hash::phc};

    use super::{Scheme, Verdict};
    use crate::{PasswordHash, PasswordPeppers};

    fn scheme(peppers: &str) -> Scheme {
        Scheme::new(PasswordPeppers::parse(&peppers.into()).unwrap(), [3; 16]).unwrap()
    }

    #[test]
    fn a_hash_names_its_pepper_and_its_parameters() {
        let stored = scheme("p1:one").hash(&"correct horse".into(), [9; 16]).unwrap();
        assert!(
            stored
                .as_stored()
                .starts_with("p1:$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            stored.as_stored()
        );
    }

    #[test]
    fn the_password_fits_and_any_other_does_not() {
        let today = scheme("p1:one");
        let stored = today.hash(&"correct horse".into(), [9; 16]).unwrap();
        let verify = |password: &str| today.verify(&password.into(), Some(&stored));
        assert_eq!(verify("correct horse"), Verdict::Right { renew: false });
        assert_eq!(verify("correct horses"), Verdict::Wrong);
        assert_eq!(verify(""), Verdict::Wrong);
    }

    #[test]
    fn no_stored_hash_fits_no_password_not_even_that_of_the_stand_in() {
        assert_eq!(scheme("p1:one").verify(&"".into(), None), Verdict::Wrong);
    }

    #[test]
    fn a_pepper_that_was_replaced_still_reads_and_asks_for_renewal() {
        let stored = scheme("p1:one").hash(&"correct horse".into(), [9; 16]).unwrap();
        let rotated = scheme("p2:two,p1:one");
        assert_eq!(
            rotated.verify(&"correct horse".into(), Some(&stored)),
            Verdict::Right { renew: true }
        );
    }

    #[test]
    fn a_hash_under_a_pepper_that_is_gone_fits_no_password() {
        let stored = scheme("p1:one").hash(&"correct horse".into(), [9; 16]).unwrap();
        assert_eq!(
            scheme("p2:two").verify(&"correct horse".into(), Some(&stored)),
            Verdict::Wrong
        );
    }

    #[test]
    fn a_hash_of_weaker_parameters_fits_and_asks_for_renewal() {
        let weak = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(64, 1, 1, None).unwrap(),
        );
        let mixed = PasswordPeppers::parse(&"p1:one".into())
            .unwrap()
            .mix_current(b"correct horse");
        let phc: phc::PasswordHash = weak.hash_password_with_salt(mixed.as_ref(), &[9; 16]).unwrap();
        let stored = PasswordHash::from_stored(format!("p1:{phc}"));
        let today = scheme("p1:one");
        assert_eq!(
            today.verify(&"correct horse".into(), Some(&stored)),
            Verdict::Right { renew: true }
        );
        assert_eq!(today.verify(&"wrong".into(), Some(&stored)), Verdict::Wrong);
    }

    #[test]
    fn a_damaged_hash_fits_no_password() {
        for text in [
            "",
            "p1:",
            "p1:$argon2id$v=19$m=0,t=0,p=0$AAAA$AAAA",
            "$argon2id$",
            "p1:$bcrypt$x",
        ] {
            let stored = PasswordHash::from_stored(text.to_owned());
            assert_eq!(
                scheme("p1:one").verify(&"x".into(), Some(&stored)),
                Verdict::Wrong,
                "{text}"
            );
        }
    }

    #[test]
    fn a_password_beyond_the_bound_is_wrong_whatever_is_stored() {
        let today = scheme("p1:one");
        let long = "a".repeat(1025);
        let stored = today.hash(&long.as_str().into(), [9; 16]).unwrap();
        assert_eq!(today.verify(&long.as_str().into(), Some(&stored)), Verdict::Wrong);
    }
}
