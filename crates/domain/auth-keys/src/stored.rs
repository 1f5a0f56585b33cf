//! The form in which a set is stored: JSON, schema version 1. `fixtures/key-set-1.json` pins it; a change of form needs
//! a new version and keeps reading the old one.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_ambient::Timestamp;
use chancery_jose::{KeyId, PublicJwk, SigningKey};
use chancery_token_verify::KeySetName;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

use crate::{Key, KeySet, KeyState, StoredSetError};

const SCHEMA_VERSION: u32 = 1;

/// Enough for one key, so that the text is never moved by growth, which would leave its secrets behind.
const BYTES_PER_KEY: usize = 2048;

impl KeySet {
    /// The set as it is stored, with private halves, not sealed.
    #[must_use]
    pub fn to_stored(&self) -> SecretString {
        let stored = StoredSet {
            schema_version: SCHEMA_VERSION,
            set: self.name.as_str().to_owned(),
            version: self.version,
            changed_at: self.changed_at,
            keys: self.keys.iter().map(StoredKey::of).collect(),
        };
        let mut json = Zeroizing::new(Vec::with_capacity(BYTES_PER_KEY * (1 + self.keys.len())));
        // Texts and numbers into memory: it cannot fail. An empty text would be refused by every reader.
        let _ = serde_json::to_writer_pretty(&mut *json, &stored);
        SecretString::from(str::from_utf8(&json).unwrap_or_default())
    }

    /// Reads a set that [`KeySet::to_stored`] wrote, which has to be the one called `name` and to keep every promise that a
    /// set makes.
    pub fn from_stored(name: KeySetName, text: &str) -> Result<Self, StoredSetError> {
        // First the version alone: another one may have any other form.
        let Version { schema_version } = read(text)?;
        if schema_version != SCHEMA_VERSION {
            return Err(StoredSetError::SchemaVersion(schema_version));
        }
        let stored: StoredSet = read(text)?;
        if stored.set != name.as_str() {
            return Err(StoredSetError::OtherSet(stored.set.chars().take(32).collect()));
        }
        let keys = stored.keys.into_iter().map(StoredKey::into_key);
        checked(Self {
            name,
            version: stored.version,
            changed_at: stored.changed_at,
            keys: keys.collect::<Result<_, _>>()?,
        })
    }
}

/// The set, if it keeps its promises.
pub(crate) fn checked(set: KeySet) -> Result<KeySet, StoredSetError> {
    if set.version == 0 {
        return Err(StoredSetError::NoVersion);
    }
    let count = |state| set.keys.iter().filter(|key| key.state == state).count();
    match (count(KeyState::Active), count(KeyState::Staged)) {
        (1, 0 | 1) => {}
        (1, staged) => return Err(StoredSetError::StagedKeys(staged)),
        (active, _) => return Err(StoredSetError::ActiveKeys(active)),
    }
    let mut thumbprints = Vec::new();
    let mut names = Vec::new();
    for key in &set.keys {
        let bad = |what| {
            Err(StoredSetError::BadKey {
                kid: key.kid.clone(),
                what,
            })
        };
        if key.public.key_type() != set.name.key_type() {
            return bad("is not of the type that its set holds");
        }
        if key.public.kid() != Some(&key.kid) {
            return bad("is published under another name");
        }
        match &key.private {
            Some(_) if !key.state.is_private() => return bad("still has a private half"),
            None if key.state.is_private() => return bad("has no private half"),
            Some(private) if private.public_jwk().thumbprint() != key.public.thumbprint() => {
                return bad("has a private half that belongs to another key");
            }
            Some(_) | None => {}
        }
        let thumbprint = key.public.thumbprint();
        if names.contains(&&key.kid) || thumbprints.contains(&thumbprint) {
            return Err(StoredSetError::Duplicate(key.kid.clone()));
        }
        names.push(&key.kid);
        thumbprints.push(thumbprint);
    }
    Ok(set)
}

fn read<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, StoredSetError> {
    serde_json::from_str(text).map_err(|error| StoredSetError::Malformed {
        line: error.line(),
        column: error.column(),
    })
}

#[derive(Deserialize)]
struct Version {
    schema_version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSet {
    schema_version: u32,
    set: String,
    version: u64,
    changed_at: Timestamp,
    keys: Vec<StoredKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    kid: KeyId,
    state: KeyState,
    public_jwk: PublicJwk,
    /// PKCS#8 in DER, as base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    private_key: Option<PrivateText>,
    created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    published_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    promoted_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retires_at: Option<Timestamp>,
}

impl StoredKey {
    fn of(key: &Key) -> Self {
        Self {
            kid: key.kid.clone(),
            state: key.state,
            public_jwk: key.public.clone(),
            private_key: key.private.as_deref().map(PrivateText::of),
            created_at: key.created_at,
            published_at: key.published_at,
            promoted_at: key.promoted_at,
            retires_at: key.retires_at,
        }
    }

    fn into_key(self) -> Result<Key, StoredSetError> {
        let private = match &self.private_key {
            None => None,
            Some(text) => {
                let bad = StoredSetError::BadKey {
                    kid: self.kid.clone(),
                    what: "has a private half that cannot be read",
                };
                let key = text.read().ok_or(bad)?.with_kid(self.kid.clone());
                Some(Arc::new(key))
            }
        };
        Ok(Key {
            kid: self.kid,
            state: self.state,
            public: self.public_jwk,
            private,
            created_at: self.created_at,
            published_at: self.published_at,
            promoted_at: self.promoted_at,
            retires_at: self.retires_at,
        })
    }
}

/// A private half in text, wiped when it is dropped.
struct PrivateText(Zeroizing<String>);

impl PrivateText {
    fn of(key: &SigningKey) -> Self {
        let der = key.to_pkcs8_v1_der();
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(der.expose_secret())))
    }

    fn read(&self) -> Option<SigningKey> {
        let mut der = Zeroizing::new(Vec::with_capacity(self.0.len()));
        URL_SAFE_NO_PAD.decode_vec(&*self.0, &mut der).ok()?;
        SigningKey::from_pkcs8_der(&der).ok()
    }
}

impl Serialize for PrivateText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PrivateText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

#[cfg(test)]
mod tests;
