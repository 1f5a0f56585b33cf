//! The answers of KV version 2.

use serde::{
    Deserialize,
    de::{self, IgnoredAny},
};
use zeroize::Zeroizing;

use crate::{
    VaultError,
    client::{Answer, Data},
};

/// A version of a secret.
pub(crate) struct Version {
    pub(crate) number: u64,
    /// `None` when it was deleted or destroyed.
    pub(crate) text: Option<Zeroizing<String>>,
}

impl Version {
    /// What was read; `None` when there was never such a secret.
    pub(crate) fn read(path: &str, answer: Answer) -> Result<Option<Self>, VaultError> {
        if answer.is_absence() {
            return Ok(None);
        }
        // A version that was taken away is answered with 404, and with what is left to say of it.
        if answer.status() == 404 {
            let gone: Data<SecretOf<IgnoredAny>> = answer.read().map_err(|_| answer.refusal())?;
            let number = gone.data.metadata.version;
            return Ok(Some(Self { number, text: None }));
        }
        let answer = answer.accepted()?;
        // First whether it is a secret at all, then whether it is ours: the one is a wrong address, the other damage.
        let secret: Data<SecretOf<IgnoredAny>> = answer.read()?;
        let number = secret.data.metadata.version;
        if secret.data.data.is_none() {
            return Ok(Some(Self { number, text: None }));
        }
        let secret: Data<SecretOf<Content>> = answer.read().map_err(|_| VaultError::NoValue {
            path: path.to_owned(),
        })?;
        let text = secret.data.data.map(|content| content.value);
        Ok(Some(Self { number, text }))
    }
}

/// The number of the version that a write made.
pub(crate) fn written(answer: &Answer) -> Result<u64, VaultError> {
    let made: Data<VersionNumber> = answer.read()?;
    Ok(made.data.version)
}

/// The versions before `newest` that are not destroyed yet.
pub(crate) fn older(answer: &Answer, newest: u64) -> Result<Vec<u64>, VaultError> {
    let metadata: Data<Metadata> = answer.read()?;
    let versions = metadata.data.versions.0;
    let mut older: Vec<u64> = versions
        .into_iter()
        .filter(|(number, version)| *number < newest && !version.destroyed)
        .map(|(number, _)| number)
        .collect();
    older.sort_unstable();
    Ok(older)
}

#[derive(Deserialize)]
struct SecretOf<T> {
    data: Option<T>,
    metadata: VersionNumber,
}

#[derive(Deserialize)]
struct Content {
    #[serde(deserialize_with = "secret_text")]
    value: Zeroizing<String>,
}

#[derive(Deserialize)]
struct VersionNumber {
    version: u64,
}

#[derive(Deserialize)]
struct Metadata {
    versions: Versions,
}

/// By number, which is a member's name and so a text.
#[derive(Deserialize)]
#[serde(try_from = "std::collections::HashMap<String, VersionState>")]
struct Versions(Vec<(u64, VersionState)>);

#[derive(Deserialize)]
struct VersionState {
    destroyed: bool,
}

impl TryFrom<std::collections::HashMap<String, VersionState>> for Versions {
    type Error = std::num::ParseIntError;

    fn try_from(versions: std::collections::HashMap<String, VersionState>) -> Result<Self, Self::Error> {
        let numbered = versions
            .into_iter()
            .map(|(number, state)| Ok((number.parse()?, state)));
        numbered.collect::<Result<_, _>>().map(Self)
    }
}

fn secret_text<'de, D: de::Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}
