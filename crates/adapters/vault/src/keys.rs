//! `KeyStore` on the KV secrets engine, version 2.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_auth_keys::{KeySet, KeySetName, KeyStore, Saved};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    KeyPath, VaultClient, VaultError,
    client::Data,
    secret::{self, Version},
};

/// How often the newest version is read when it was destroyed under our hands, as a save does with the one before it.
const READS: usize = 3;

/// Key sets in KV version 2, a secret each.
pub struct VaultKeys {
    client: Arc<VaultClient>,
    path: KeyPath,
    /// For each set the newest version that is known to be the only one.
    swept: [AtomicU64; KeySetName::ALL.len()],
}

impl VaultKeys {
    /// Sets at `path`. Nothing is asked yet.
    #[must_use]
    pub fn new(client: Arc<VaultClient>, path: KeyPath) -> Self {
        Self {
            client,
            path,
            swept: Default::default(),
        }
    }

    /// Whether sets can be read, from an engine that compares versions. What they hold is not looked at.
    #[tracing::instrument(name = "vault.check_keys", skip_all)]
    pub async fn check(&self) -> Result<(), VaultError> {
        self.client.check_open().await?;
        for set in KeySetName::ALL {
            self.read(set).await?;
        }
        self.check_engine().await
    }
}

#[async_trait]
impl KeyStore for VaultKeys {
    #[tracing::instrument(name = "vault.load", skip_all, fields(set = %name))]
    async fn load(&self, name: KeySetName) -> Result<Option<KeySet>, Fault> {
        let Some(version) = self.newest(name).await? else {
            return Ok(None);
        };
        let set = self.parse(name, &version)?;
        self.sweep(name, version.number).await;
        Ok(Some(set))
    }

    #[tracing::instrument(name = "vault.save", skip_all, fields(set = %set.name(), version = set.version()))]
    async fn save(&self, expected: u64, set: &KeySet) -> Result<Saved, Fault> {
        let name = set.name();
        let (stored, number) = match self.newest(name).await? {
            Some(version) => (self.parse(name, &version)?.version(), version.number),
            None => (0, 0),
        };
        if stored != expected {
            return Ok(Saved::Conflict);
        }
        if number == 0 {
            self.check_engine().await?;
        }
        let text = set.to_stored();
        let saved = match self.write(name, number, &text).await {
            Ok(saved) => saved,
            Err(error) if error.leaves_it_unknown() => self.find_out(name, number, &text, error).await?,
            Err(error) => return Err(error.into()),
        };
        if saved == Saved::Stored {
            tracing::debug!(kv_version = number + 1, "the key set is stored");
            self.sweep(name, number + 1).await;
        }
        Ok(saved)
    }
}

impl VaultKeys {
    /// The newest version of a set's secret, which holds a text.
    async fn newest(&self, name: KeySetName) -> Result<Option<Version>, VaultError> {
        let mut gone = 0;
        for _ in 0..READS {
            match self.read(name).await? {
                // One that was the newest when the read began. There is a newer one, or it is gone for good.
                Some(version) if version.text.is_none() && version.number > gone => gone = version.number,
                Some(version) if version.text.is_none() => break,
                found => return Ok(found),
            }
        }
        Err(VaultError::Deleted {
            path: self.path.of("data", name),
            version: gone,
        })
    }

    async fn read(&self, name: KeySetName) -> Result<Option<Version>, VaultError> {
        let path = self.path.of("data", name);
        Version::read(&path, self.client.get(&path).await?)
    }

    fn parse(&self, name: KeySetName, version: &Version) -> Result<KeySet, VaultError> {
        let path = || self.path.of("data", name);
        let text = version.text.as_ref().ok_or_else(|| VaultError::Deleted {
            path: path(),
            version: version.number,
        })?;
        KeySet::from_stored(name, text).map_err(|error| VaultError::Damaged { path: path(), error })
    }

    /// Writes the version after `number`, if that is still the newest.
    async fn write(&self, name: KeySetName, number: u64, text: &SecretString) -> Result<Saved, VaultError> {
        let body = NewVersion {
            options: Options { cas: number },
            data: Value {
                value: text.expose_secret(),
            },
        };
        // Escaped, the text has at most twice its length.
        let mut json = Zeroizing::new(Vec::with_capacity(2 * text.expose_secret().len() + 128));
        // A text and a number into memory: it cannot fail, and Vault would refuse a half.
        let _ = serde_json::to_writer(&mut *json, &body);
        let answer = self.client.post(&self.path.of("data", name), json).await?;
        if answer.status() == 400 && answer.says("check-and-set parameter did not match") {
            return Ok(Saved::Conflict);
        }
        let answer = answer.accepted()?;
        if secret::written(&answer)? != number + 1 {
            return Err(answer.malformed());
        }
        Ok(Saved::Stored)
    }

    /// What became of a write of the version after `number` that was not answered, if that can be known. If it cannot, the
    /// write may even be still on its way.
    async fn find_out(
        &self,
        name: KeySetName,
        number: u64,
        text: &SecretString,
        error: VaultError,
    ) -> Result<Saved, Fault> {
        tracing::warn!(%error, "whether the key set was stored is unknown: reading it again");
        let ours = |found: &Zeroizing<String>| found.as_str() == text.expose_secret();
        let written = match self.read(name).await {
            Ok(Some(newest)) if newest.number == number + 1 => newest.text,
            // Others have built on what was written; theirs may have destroyed it.
            Ok(Some(newest)) if newest.number > number + 1 => self.text_of(name, number + 1).await,
            Ok(_) | Err(_) => None,
        };
        match written {
            Some(found) if ours(&found) => Ok(Saved::Stored),
            Some(_) => Ok(Saved::Conflict),
            None => Err(Fault::timed_out(error)),
        }
    }

    async fn text_of(&self, name: KeySetName, number: u64) -> Option<Zeroizing<String>> {
        let path = self.path.of("data", name);
        let answer = self.client.get_version(&path, number).await.ok()?;
        Version::read(&path, answer).ok()??.text
    }

    /// Destroys every version before `newest`. What fails is done by the next load: `newest` is stored, whatever happens.
    async fn sweep(&self, name: KeySetName, newest: u64) {
        let swept = self.swept(name);
        if swept.load(Ordering::Relaxed) >= newest {
            return;
        }
        match self.destroy_before(name, newest).await {
            Ok(()) => {
                swept.fetch_max(newest, Ordering::Relaxed);
            }
            Err(error) => tracing::error!(
                set = %name,
                %error,
                "older versions of the key set are still in Vault, with private halves that were erased"
            ),
        }
    }

    async fn destroy_before(&self, name: KeySetName, newest: u64) -> Result<(), VaultError> {
        let metadata = self
            .client
            .get(&self.path.of("metadata", name))
            .await?
            .accepted()?;
        let versions = secret::older(&metadata, newest)?;
        if versions.is_empty() {
            return Ok(());
        }
        let body = serde_json::json!({ "versions": versions }).to_string();
        let path = self.path.of("destroy", name);
        let answer = self.client.post(&path, Zeroizing::new(body.into_bytes())).await?;
        answer.accepted().map(|_| ())
    }

    fn swept(&self, name: KeySetName) -> &AtomicU64 {
        let [api, trust] = &self.swept;
        match name {
            KeySetName::Api => api,
            KeySetName::Trust => trust,
        }
    }

    /// Refuses an engine that compares no versions.
    async fn check_engine(&self) -> Result<(), VaultError> {
        let mount = self.path.mount();
        let path = format!("sys/internal/ui/mounts/{mount}");
        let engine: Data<Engine> = self.client.get(&path).await?.accepted()?.read()?;
        let version = engine.data.options.and_then(|options| options.version);
        if engine.data.kind == "kv" && version.as_deref() == Some("2") {
            Ok(())
        } else {
            Err(VaultError::NotVersioned {
                mount: mount.to_owned(),
            })
        }
    }
}

#[derive(Serialize)]
struct NewVersion<'a> {
    options: Options,
    data: Value<'a>,
}

#[derive(Serialize)]
struct Options {
    cas: u64,
}

#[derive(Serialize)]
struct Value<'a> {
    value: &'a str,
}

#[derive(Deserialize)]
struct Engine {
    #[serde(rename = "type")]
    kind: String,
    options: Option<EngineOptions>,
}

#[derive(Deserialize)]
struct EngineOptions {
    version: Option<String>,
}

#[cfg(test)]
mod tests;
