//! Mail, and how long what is mailed is good for.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;

use super::Source;

/// Mail and links.
#[derive(Debug)]
pub(crate) struct People {
    /// `MAIL_SMTP_URL` and `MAIL_FROM`; without them mail goes into files under `DATA_DIR` (and onto a terminal).
    pub smtp: Option<Smtp>,
    /// `PASSWORD_RESET_TOKEN_TTL_MINUTES`.
    pub reset_life: Duration,
    /// `EMAIL_VERIFICATION_TOKEN_TTL_MINUTES`.
    pub verification_life: Duration,
    /// `INVITATION_TTL_HOURS`.
    pub invitation_life: Duration,
    /// `AUTH_PASSWORD_HISTORY_COUNT`: how many passwords of a person are not used again, the current one counted.
    pub password_history: u16,
    /// `AUTH_BREACHED_PASSWORDS_FILE`: sorted SHA-1 digests of passwords that nobody may choose.
    pub stolen_passwords: Option<PathBuf>,
}

/// A mail server.
#[derive(Debug)]
pub(crate) struct Smtp {
    /// `MAIL_SMTP_URL`; holds a password, so it is secret.
    pub url: SecretString,
    /// `MAIL_FROM`.
    pub from: String,
}

impl People {
    pub(super) fn read(source: &mut Source, development: bool) -> Self {
        let smtp = match (source.text("MAIL_SMTP_URL"), source.text("MAIL_FROM")) {
            (Some(url), Some(from)) => Some(Smtp {
                url: url.into(),
                from,
            }),
            (None, None) => None,
            _ => {
                source.refuse("MAIL_SMTP_URL", "and MAIL_FROM go together");
                None
            }
        };
        if smtp.is_none() && !development {
            source.refuse(
                "MAIL_SMTP_URL",
                "must be set outside development, with MAIL_FROM: people are mailed links",
            );
        }
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            smtp,
            reset_life: minutes(source.number("PASSWORD_RESET_TOKEN_TTL_MINUTES", 30, 1..=1440)),
            verification_life: minutes(source.number("EMAIL_VERIFICATION_TOKEN_TTL_MINUTES", 60, 1..=10_080)),
            invitation_life: minutes(60 * source.number("INVITATION_TTL_HOURS", 168, 1..=720)),
            password_history: u16::try_from(source.number("AUTH_PASSWORD_HISTORY_COUNT", 5, 1..=24))
                .unwrap_or(5),
            stolen_passwords: source.text("AUTH_BREACHED_PASSWORDS_FILE").map(PathBuf::from),
        }
    }
}
