//! An app as it is kept.

use std::fmt;

use chancery_access::{Scopes, Subject};
use chancery_ambient::Timestamp;
use chancery_ids::{AppId, TenantId};
use chancery_jose::{JwkSet, KeyError, PublicJwk};

use crate::SecretDigest;

/// An API client of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its id, which is its `client_id`.
    pub id: AppId,
    /// Its tenant.
    pub tenant: TenantId,
    /// What people call it.
    pub name: AppName,
    /// The most it may ever be allowed.
    pub scopes: Scopes,
    /// How it proves itself.
    pub credential: AppCredential,
    /// Who registered it.
    pub created_by: Subject,
    /// When.
    pub created_at: Timestamp,
}

/// How an app proves itself: in one way, so that a weaker one cannot be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppCredential {
    /// By a secret that it shows.
    Secret(SecretDigest),
    /// By a signature of one of these keys (`private_key_jwt`).
    Keys(AppKeys),
}

/// The public keys of an app: 1 to 8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppKeys(JwkSet);

/// Why keys are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadKeys {
    /// The document cannot be read, or holds a private key.
    #[error("the key set is refused: {0}")]
    Unreadable(#[from] KeyError),
    /// None that can be used, or too many.
    #[error(
        "a key set holds 1 to {} keys of the types OKP (Ed25519) and EC (P-256)",
        AppKeys::MOST
    )]
    Count,
    /// A key of this server.
    #[error("the key is one of the server's own")]
    Ours,
}

impl AppKeys {
    /// The most keys of an app.
    pub const MOST: usize = 8;

    /// Reads a JWK Set (RFC 7517 section 5).
    pub fn parse(json: &[u8]) -> Result<Self, BadKeys> {
        let set = JwkSet::parse(json)?;
        if (1..=Self::MOST).contains(&set.keys().len()) {
            Ok(Self(set))
        } else {
            Err(BadKeys::Count)
        }
    }

    /// The set, to store and to show.
    #[must_use]
    pub const fn set(&self) -> &JwkSet {
        &self.0
    }

    /// The keys that a message naming `kid` may have been signed with: those of that name, or those without one.
    pub(crate) fn candidates<'s>(&'s self, kid: Option<&'s str>) -> impl Iterator<Item = &'s PublicJwk> {
        self.0.keys().iter().filter(move |key| match (kid, key.kid()) {
            (Some(asked), Some(own)) => own.as_str() == asked,
            (None, _) | (Some(_), None) => true,
        })
    }
}

/// A name for people: 1 to 100 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppName(String);

/// The text names no app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 100 characters and no control characters")]
pub struct AppNameError;

impl AppName {
    /// Checks a name from outside.
    pub fn parse(text: &str) -> Result<Self, AppNameError> {
        let text = text.trim();
        let fits = (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(AppNameError)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An app as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingApp {
    /// The app.
    pub app: App,
    /// Whether its tenant is in use.
    pub tenant_active: bool,
    /// The least `sv` its tokens may carry.
    pub epoch: u64,
    /// The least `tv` they may carry.
    pub tenant_epoch: u64,
}

#[cfg(test)]
mod tests {
    use super::{AppKeys, AppName, BadKeys};

    #[test]
    fn a_name_is_short_and_can_be_printed() {
        assert_eq!(
            AppName::parse("  Nightly reports ").unwrap().as_str(),
            "Nightly reports"
        );
        for text in ["", "   ", "a\nb", &"x".repeat(101)] {
            assert!(AppName::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_private_key_and_a_set_without_a_key_are_refused() {
        let private = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]}"#;
        assert!(matches!(AppKeys::parse(private), Err(BadKeys::Unreadable(_))));
        assert!(matches!(AppKeys::parse(br#"{"keys":[]}"#), Err(BadKeys::Count)));
        assert!(matches!(AppKeys::parse(b"{}"), Err(BadKeys::Unreadable(_))));
    }
}
