//! The key file of the Python service that Chancery succeeds, taken over with its keys and their ids.
//! `fixtures/source-*.json` pin the forms.

use chancery_ambient::Timestamp;
use chancery_auth_keys::{AdoptedKey, KeySet, KeySetName};
use chancery_jose::{KeyId, PublicJwk, SigningKey};
use chancery_key_formats::read_private;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny},
};
use zeroize::Zeroizing;

use crate::error::ContentError;

/// Whether `text` is of this form rather than ours: it names its keys `active` and `next` instead of listing them.
pub(crate) fn is_source_format(text: &str) -> bool {
    serde_json::from_str::<Outline>(text).is_ok_and(|outline| {
        outline.schema_version == 1 && outline.keys.is_none() && outline.active.or(outline.next).is_some()
    })
}

/// The set in the file; `None` when the file holds no key at all, as a fresh one does.
pub(crate) fn read(name: KeySetName, text: &str) -> Result<Option<KeySet>, ContentError> {
    let file: SourceFile = serde_json::from_str(text).map_err(|error| ContentError::Malformed {
        line: error.line(),
        column: error.column(),
    })?;
    let Some(active) = file.active else {
        let is_empty = file.next.is_none() && file.retired.is_empty();
        return if is_empty {
            Ok(None)
        } else {
            Err(ContentError::NothingSigns)
        };
    };
    let retired = file.retired.into_iter().map(SourceKey::into_public);
    let set = KeySet::adopt(
        name,
        active.into_private()?,
        file.next.map(SourceKey::into_private).transpose()?,
        retired.collect::<Result<_, _>>()?,
    )?;
    Ok(Some(set))
}

/// Enough to tell the forms apart. `null` counts as a member that is there.
#[derive(Deserialize)]
struct Outline {
    schema_version: u32,
    keys: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    active: Option<()>,
    #[serde(default, deserialize_with = "present")]
    next: Option<()>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<()>, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| Some(()))
}

#[derive(Deserialize)]
struct SourceFile {
    active: Option<SourceKey>,
    next: Option<SourceKey>,
    #[serde(default)]
    retired: Vec<SourceKey>,
}

/// Its `status`, `not_before` and `not_after` are not read: its place in the file says the first, and the service that
/// wrote the others never looked at them.
#[derive(Deserialize)]
struct SourceKey {
    kid: String,
    public_jwk: PublicJwk,
    #[serde(deserialize_with = "time_with_or_without_zone")]
    created_at: Timestamp,
    #[serde(default, deserialize_with = "private_text")]
    private_key: Option<Zeroizing<String>>,
}

impl SourceKey {
    fn into_private(self) -> Result<AdoptedKey<SigningKey>, ContentError> {
        let Some(pem) = &self.private_key else {
            return Err(self.bad("has no private half"));
        };
        let key = read_private(pem).map_err(|error| ContentError::Key {
            kid: bounded(&self.kid),
            error,
        })?;
        if key.public_jwk().thumbprint() != self.public_jwk.thumbprint() {
            return Err(self.bad("has a private half that belongs to another key"));
        }
        Ok(AdoptedKey {
            key: key.with_kid(self.checked_kid()?),
            created_at: self.created_at,
        })
    }

    /// The private half of a key that stopped signing is dropped, should there be one.
    fn into_public(self) -> Result<AdoptedKey<PublicJwk>, ContentError> {
        let kid = self.checked_kid()?;
        Ok(AdoptedKey {
            key: self.public_jwk.with_kid(kid),
            created_at: self.created_at,
        })
    }

    fn checked_kid(&self) -> Result<KeyId, ContentError> {
        KeyId::parse(self.kid.clone()).map_err(|_| self.bad("has no usable name"))
    }

    fn bad(&self, what: &'static str) -> ContentError {
        ContentError::BadKey {
            kid: bounded(&self.kid),
            what,
        }
    }
}

/// That service wrote some of its times without an offset, all of them in UTC.
fn time_with_or_without_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    let time = text.parse().or_else(|_| format!("{text}Z").parse());
    time.map_err(|_| de::Error::custom("not a time"))
}

fn private_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Zeroizing<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(|text| text.map(Zeroizing::new))
}

/// A name from a file that may be damaged, for a message.
fn bounded(kid: &str) -> String {
    kid.chars().filter(|c| !c.is_control()).take(64).collect()
}
