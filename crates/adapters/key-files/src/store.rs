//! `KeyStore` on files.

use std::path::PathBuf;

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_auth_keys::{KeySet, KeySetName, KeyStore, Saved};
use secrecy::ExposeSecret;

use crate::{
    error::{ContentError, KeyFileError},
    folder::Folder,
    source_format,
};

/// Key sets in one folder, a file each.
#[derive(Debug, Clone)]
pub struct KeyFiles {
    folder: Folder,
}

impl KeyFiles {
    /// Sets in `folder`, which the first save makes.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self {
            folder: Folder::at(folder),
        }
    }
}

#[async_trait]
impl KeyStore for KeyFiles {
    #[tracing::instrument(name = "key_files.load", skip_all, fields(set = %name))]
    async fn load(&self, name: KeySetName) -> Result<Option<KeySet>, Fault> {
        let folder = self.folder.clone();
        blocking(move || read(&folder, name)).await
    }

    #[tracing::instrument(name = "key_files.save", skip_all, fields(set = %set.name(), version = set.version()))]
    async fn save(&self, expected: u64, set: &KeySet) -> Result<Saved, Fault> {
        let (folder, set) = (self.folder.clone(), set.clone());
        blocking(move || {
            let lock = folder.lock(&format!("{}.lock", set.name()))?;
            // The caller's view may be old; under the lock nobody else changes the file.
            let stored = read(&folder, set.name())?;
            if stored.map_or(0, |stored| stored.version()) != expected {
                return Ok(Saved::Conflict);
            }
            let text = set.to_stored();
            folder.replace(&lock, &file_name(set.name()), text.expose_secret().as_bytes())?;
            Ok(Saved::Stored)
        })
        .await
    }
}

fn read(folder: &Folder, name: KeySetName) -> Result<Option<KeySet>, KeyFileError> {
    let file = file_name(name);
    let Some(content) = folder.read(&file)? else {
        return Ok(None);
    };
    parse(name, &content).map_err(|error| KeyFileError::Damaged {
        path: folder.file(&file),
        error,
    })
}

fn parse(name: KeySetName, content: &[u8]) -> Result<Option<KeySet>, ContentError> {
    let text = str::from_utf8(content).map_err(|_| ContentError::NotText)?;
    if source_format::is_source_format(text) {
        source_format::read(name, text)
    } else {
        Ok(Some(KeySet::from_stored(name, text)?))
    }
}

fn file_name(name: KeySetName) -> String {
    format!("{name}.json")
}

/// Disks block, and so does a lock. A caller that stops waiting leaves the work to end by itself.
#[expect(
    clippy::disallowed_methods,
    reason = "the wait for its answer is right here; a save that is cut off by a shutdown leaves a whole set"
)]
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeyFileError> + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(Fault::unavailable)??)
}
