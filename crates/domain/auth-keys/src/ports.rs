//! What the key service asks of storage.

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_ids::ReplicaId;
use chancery_jose::KeyId;

use crate::{KeySet, KeySetName};

/// Keeps key sets, whole, under compare-and-set.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// The set as it stands, with private halves; `None` when it was never saved.
    ///
    /// MUST give back exactly what was saved. MUST refuse damaged contents as [`Fault::Corrupt`], never as absence.
    async fn load(&self, set: KeySetName) -> Result<Option<KeySet>, Fault>;

    /// Replaces the set if the stored one still has version `expected` (0: none is stored).
    ///
    /// MUST let exactly one of several concurrent callers with the same `expected` win, over processes too. MUST leave
    /// the old set or the new one after a crash at any point, nothing between.
    async fn save(&self, expected: u64, set: &KeySet) -> Result<Saved, Fault>;
}

/// How a save ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// The set is stored.
    Stored,
    /// Somebody else changed the set first: load it and decide again.
    Conflict,
}

/// Remembers the newest version of each set that anybody has used, beside and apart from the set itself.
#[async_trait]
pub trait KeySetWitness: Send + Sync {
    /// Remembers `own` if it is newer than what is remembered, and gives the newest there is.
    ///
    /// MUST be one conditional change. MUST keep the first of two of the same version.
    async fn witness(&self, set: KeySetName, own: &Testimony) -> Result<Testimony, Fault>;
}

/// A version of a set, and which set of that version it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Testimony {
    /// The set's version.
    pub version: u64,
    /// SHA-256 over the names and states of its keys.
    pub digest: [u8; 32],
}

/// Knows which processes publish the set, and which spare each shows to verifiers.
#[async_trait]
pub trait KeyReplicas: Send + Sync {
    /// Notes that a replica publishes the spare `kid` at `now`.
    ///
    /// MUST keep since when it does: from its first word on what it named then, and from the word's time on what it named
    /// later.
    async fn acknowledge(
        &self,
        set: KeySetName,
        replica: ReplicaId,
        kid: &KeyId,
        now: Timestamp,
    ) -> Result<(), Fault>;

    /// The replicas that gave word at `seen_since` or later, each with its last word.
    async fn live(&self, set: KeySetName, seen_since: Timestamp) -> Result<Vec<Acknowledgement>, Fault>;

    /// Forgets a replica that has ended.
    async fn leave(&self, replica: ReplicaId) -> Result<(), Fault>;
}

/// A replica's word on what it publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Who.
    pub replica: ReplicaId,
    /// The spare.
    pub kid: KeyId,
    /// Since when; the epoch when it never published another one.
    pub since: Timestamp,
}
