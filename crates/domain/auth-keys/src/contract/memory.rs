//! A store in memory. For tests alone: keys must survive a restart.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use chancery_ambient::Fault;

use crate::{KeySet, KeySetName, KeySetWitness, KeyStore, Saved, Testimony};

/// Key sets in memory, each kept in its stored form.
#[derive(Default)]
pub struct MemoryKeyStore(Mutex<Vec<(KeySetName, u64, String)>>);

#[async_trait]
impl KeyStore for MemoryKeyStore {
    async fn load(&self, name: KeySetName) -> Result<Option<KeySet>, Fault> {
        let sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sets.iter()
            .find(|(stored, ..)| *stored == name)
            .map(|(_, _, text)| KeySet::from_stored(name, text).map_err(Fault::corrupt))
            .transpose()
    }

    async fn save(&self, expected: u64, set: &KeySet) -> Result<Saved, Fault> {
        use secrecy::ExposeSecret;

        let mut sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = sets.iter().position(|(stored, ..)| *stored == set.name());
        let version = place
            .and_then(|place| sets.get(place))
            .map_or(0, |(_, version, _)| *version);
        if version != expected {
            return Ok(Saved::Conflict);
        }
        sets.retain(|(stored, ..)| *stored != set.name());
        let text = set.to_stored().expose_secret().to_owned();
        sets.push((set.name(), set.version(), text));
        Ok(Saved::Stored)
    }
}

/// What was witnessed, in memory.
#[derive(Default)]
pub struct MemoryWitness(Mutex<HashMap<KeySetName, Testimony>>);

#[async_trait]
impl KeySetWitness for MemoryWitness {
    async fn witness(&self, set: KeySetName, own: &Testimony) -> Result<Testimony, Fault> {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = newest.entry(set).or_insert(*own);
        if kept.version < own.version {
            *kept = *own;
        }
        Ok(*kept)
    }
}
