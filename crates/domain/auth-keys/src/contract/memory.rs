//! A store in memory. For tests alone: keys must survive a restart.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_ids::ReplicaId;
use chancery_jose::KeyId;

use crate::{Acknowledgement, KeyReplicas, KeySet, KeySetName, KeySetWitness, KeyStore, Saved, Testimony};

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

/// Replicas in memory, each with its last word and when it was given.
#[derive(Default)]
pub struct MemoryReplicas(Mutex<Vec<(KeySetName, Acknowledgement, Timestamp)>>);

#[async_trait]
impl KeyReplicas for MemoryReplicas {
    async fn acknowledge(
        &self,
        set: KeySetName,
        replica: ReplicaId,
        kid: &KeyId,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let mut replicas = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = replicas
            .iter_mut()
            .find(|(name, word, _)| *name == set && word.replica == replica);
        let Some((_, word, seen_at)) = own else {
            let word = Acknowledgement {
                replica,
                kid: kid.clone(),
                since: Timestamp::EPOCH,
            };
            replicas.push((set, word, now));
            return Ok(());
        };
        if word.kid != *kid {
            word.kid = kid.clone();
            word.since = now;
        }
        *seen_at = now;
        Ok(())
    }

    async fn live(&self, set: KeySetName, seen_since: Timestamp) -> Result<Vec<Acknowledgement>, Fault> {
        let replicas = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let live = replicas
            .iter()
            .filter(|(name, _, seen_at)| *name == set && *seen_at >= seen_since);
        Ok(live.map(|(_, word, _)| word.clone()).collect())
    }

    async fn leave(&self, replica: ReplicaId) -> Result<(), Fault> {
        let mut replicas = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        replicas.retain(|(_, word, _)| word.replica != replica);
        Ok(())
    }
}
