//! A storage of key sets that notices when an older copy was put back.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_ambient::Fault;
use ring::digest::{SHA256, digest};

use crate::{KeySet, KeySetName, KeySetWitness, KeyStore, Saved, Testimony};

/// Compares every set that is loaded or saved with what was in use before, by whichever process.
pub struct WitnessedKeys {
    store: Arc<dyn KeyStore>,
    witness: Arc<dyn KeySetWitness>,
}

impl WitnessedKeys {
    /// The sets in `store`, as `witness` knows them.
    #[must_use]
    pub fn new(store: Arc<dyn KeyStore>, witness: Arc<dyn KeySetWitness>) -> Self {
        Self { store, witness }
    }

    /// Bears witness to `set`; whether it is the newest that anybody has borne witness to.
    async fn is_newest(&self, set: &KeySet) -> Result<bool, Fault> {
        let own = set.testimony();
        let newest = self.witness.witness(set.name(), &own).await?;
        if newest.version == own.version && newest.digest != own.digest {
            return Err(Fault::corrupt(format!(
                "the stored {} key set has version {} with other keys than the one in use elsewhere: replicas must share \
                 one key storage",
                set.name(),
                own.version
            )));
        }
        Ok(newest.version <= own.version)
    }
}

#[async_trait]
impl KeyStore for WitnessedKeys {
    async fn load(&self, name: KeySetName) -> Result<Option<KeySet>, Fault> {
        let Some(mut set) = self.store.load(name).await? else {
            return Ok(None);
        };
        if !self.is_newest(&set).await? {
            // It may have been changed in this very moment. A set is stored before it is witnessed: what is there now is as
            // new as anybody knows.
            let again = self.store.load(name).await?;
            set = again.ok_or_else(|| Fault::corrupt(format!("the stored {name} key set is gone")))?;
            if !self.is_newest(&set).await? {
                return Err(Fault::corrupt(format!(
                    "the stored {name} key set has version {}, and a newer one has been in use: an old copy was put back; \
                     restore the newest one, or, if it is lost, run `chancery keys accept`",
                    set.version()
                )));
            }
        }
        Ok(Some(set))
    }

    async fn save(&self, expected: u64, set: &KeySet) -> Result<Saved, Fault> {
        let saved = self.store.save(expected, set).await?;
        if saved == Saved::Stored {
            // Somebody may have gone on from it already.
            self.is_newest(set).await?;
        }
        Ok(saved)
    }
}

impl KeySet {
    /// What tells this set from another of the same version: the names and states of its keys, and nothing private.
    #[must_use]
    pub fn testimony(&self) -> Testimony {
        let mut text = String::new();
        for key in self.keys() {
            text.push_str(key.kid().as_str());
            text.push(' ');
            text.push_str(key.state().as_str());
            text.push('\n');
        }
        let mut bytes = [0; 32];
        for (byte, computed) in bytes.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()) {
            *byte = *computed;
        }
        Testimony {
            version: self.version(),
            digest: bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chancery_ambient::{Ambient, Fault};
    use chancery_jose::SigningKey;

    use super::WitnessedKeys;
    use crate::{
        KeySet, KeySetName, KeyStore,
        contract::{MemoryKeyStore, MemoryWitness},
    };

    fn key() -> SigningKey {
        SigningKey::generate_ed25519(&Ambient::system().random()).unwrap()
    }

    fn first() -> KeySet {
        KeySet::first(KeySetName::Api, key(), key(), Ambient::system().now()).unwrap()
    }

    async fn fault_of_loading(witness: &Arc<MemoryWitness>, set: &KeySet) -> String {
        let copy = Arc::new(MemoryKeyStore::default());
        copy.save(0, set).await.unwrap();
        let loaded = WitnessedKeys::new(copy, witness.clone())
            .load(KeySetName::Api)
            .await;
        let Err(Fault::Corrupt(source)) = loaded else {
            panic!("it was taken");
        };
        source.to_string()
    }

    #[tokio::test]
    async fn a_copy_of_yesterday_is_refused_and_so_is_another_set_of_the_same_version() {
        let witness = Arc::new(MemoryWitness::default());
        let keys = WitnessedKeys::new(Arc::new(MemoryKeyStore::default()), witness.clone());
        let yesterday = first();
        keys.save(0, &yesterday).await.unwrap();
        let today = yesterday.served(Ambient::system().now()).unwrap();
        keys.save(1, &today).await.unwrap();
        keys.load(KeySetName::Api).await.unwrap().unwrap();

        let old = fault_of_loading(&witness, &yesterday).await;
        assert!(
            old.contains("version 1, and a newer one has been in use"),
            "{old}"
        );
        let stranger = first().served(Ambient::system().now()).unwrap();
        let other = fault_of_loading(&witness, &stranger).await;
        assert!(other.contains("other keys"), "{other}");
    }
}
