//! Names of things in Vault, checked before they become parts of an address.

use std::fmt;

use chancery_auth_keys::KeySetName;

const LONGEST_NAME: usize = 128;
const LONGEST_PATH: usize = 512;

/// Where key sets are in KV version 2: `<mount>/data/<prefix>`, beneath which each has a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPath {
    mount: String,
    prefix: String,
}

/// The name of a key of the Transit engine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TransitKey(String);

/// A name that Vault could not mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// A path of key sets has to be in the form that Vault's API has.
    #[error("a path of key sets is written `<mount>/data/<prefix>`, such as `secret/data/chancery/keys`")]
    KeyPath,
    /// A part of a path, or a key.
    #[error("names in Vault have letters, digits, `_`, `-` and `.`, and at most 128 characters")]
    Characters,
}

impl KeyPath {
    /// Reads `<mount>/data/<prefix>`. Mount and prefix may have several parts.
    pub fn parse(path: &str) -> Result<Self, BadName> {
        let (mount, prefix) = path.split_once("/data/").ok_or(BadName::KeyPath)?;
        if path.len() > LONGEST_PATH {
            return Err(BadName::KeyPath);
        }
        if !mount.split('/').chain(prefix.split('/')).all(is_name) {
            return Err(BadName::Characters);
        }
        Ok(Self {
            mount: mount.to_owned(),
            prefix: prefix.to_owned(),
        })
    }

    /// Where the engine is mounted.
    pub(crate) fn mount(&self) -> &str {
        &self.mount
    }

    /// The address of one set in one of the engine's parts: `data`, `metadata` or `destroy`.
    pub(crate) fn of(&self, part: &str, set: KeySetName) -> String {
        format!("{}/{part}/{}/{set}", self.mount, self.prefix)
    }
}

impl TransitKey {
    /// Reads a name. It begins and ends with a letter, a digit or `_`, as Vault demands.
    pub fn parse(name: &str) -> Result<Self, BadName> {
        let is_edge = |letter: Option<char>| letter.is_some_and(|letter| !matches!(letter, '-' | '.'));
        if is_name(name) && is_edge(name.chars().next()) && is_edge(name.chars().next_back()) {
            Ok(Self(name.to_owned()))
        } else {
            Err(BadName::Characters)
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TransitKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Of one part of a path. Nothing in it has a meaning in an address.
fn is_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && !matches!(name, "." | "..")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use chancery_auth_keys::KeySetName;

    use super::{BadName, KeyPath, TransitKey};

    #[test]
    fn a_path_leads_to_a_secret_for_each_set() {
        let path = KeyPath::parse("team/kv/data/chancery/keys").unwrap();
        assert_eq!(path.mount(), "team/kv");
        assert_eq!(path.of("data", KeySetName::Api), "team/kv/data/chancery/keys/api");
        assert_eq!(
            path.of("destroy", KeySetName::Trust),
            "team/kv/destroy/chancery/keys/trust"
        );
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for path in [
            "",
            "secret",
            "secret/keys",
            "secret/data",
            "secret/data/",
            "/data/keys",
        ] {
            assert!(KeyPath::parse(path).is_err(), "{path}");
        }
        for path in [
            "secret/data/../sys",
            "secret/data/a//b",
            "secret/data/a?b",
            "a%2e/data/b",
            "secret/data/a b",
        ] {
            assert_eq!(KeyPath::parse(path), Err(BadName::Characters), "{path}");
        }
        let long = format!("secret/data/{}", "a/".repeat(300));
        assert!(KeyPath::parse(&long).is_err());
    }

    #[test]
    fn keys_of_transit_have_plain_names() {
        for name in ["auth-service", "a", "_a.b-c_", "9"] {
            assert_eq!(TransitKey::parse(name).unwrap().as_str(), name);
        }
        for name in ["", "-a", "a-", ".a", "a/b", "..", "a b", "a?", &"a".repeat(129)] {
            assert!(TransitKey::parse(name).is_err(), "{name}");
        }
    }
}
