//! E-mail addresses, as names of people.

use std::fmt;

/// An address as the person wrote it. Two that differ in letter case alone name the same person.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

/// The text is not an address that mail could reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address")]
pub struct EmailError;

impl EmailAddress {
    /// Checks the shape: one `@` with something on both sides, no white space or control characters, at most 254 bytes
    /// (RFC 5321 section 4.5.3.1.3 less the brackets). Only a mail that arrives proves more.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let (local, domain) = text.rsplit_once('@').ok_or(EmailError)?;
        let fits = text.len() <= 254 && (1..=64).contains(&local.len()) && !domain.is_empty();
        let clean = !text.chars().any(|c| c.is_whitespace() || c.is_control()) && !local.contains('@');
        if fits && clean {
            Ok(Self(text.to_owned()))
        } else {
            Err(EmailError)
        }
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that is unique and that look-ups compare: lower case.
    #[must_use]
    pub fn canonical(&self) -> String {
        self.0.to_lowercase()
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::EmailAddress;

    #[test]
    fn letter_case_does_not_tell_people_apart() {
        let written = EmailAddress::parse("Ada@Example.org").unwrap();
        assert_eq!(written.canonical(), "ada@example.org");
        assert_eq!(written.as_str(), "Ada@Example.org");
    }

    #[test]
    fn what_no_mail_could_reach_is_refused() {
        for text in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "a da@example.org",
            "a@b@c",
            "ada@exa\0mple.org",
        ] {
            assert!(EmailAddress::parse(text).is_err(), "{text:?}");
        }
    }
}
