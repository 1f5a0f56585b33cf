//! Why a change of keys was refused, and why a stored set was not read. No text here repeats a secret.

use chancery_ambient::{Fault, Timestamp};
use chancery_ids::ReplicaId;
use chancery_jose::KeyId;
use chancery_token_verify::KeySetName;

/// Why a change of keys was refused. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum KeyChangeRefused {
    /// There is nothing to promote.
    #[error("no key is staged")]
    NoSpare,
    /// A second spare is never needed, and would be published for nothing.
    #[error("the key {0} is staged already")]
    SpareExists(KeyId),
    /// No process has served the staged key to verifiers yet.
    #[error("the staged key has not been published yet")]
    NotServedYet,
    /// A process that is about still publishes another spare, or none.
    #[error(
        "the replica {0} does not publish the staged key yet; it is waited for until it does, or for 30 s after it has ended"
    )]
    NotEverywhere(ReplicaId),
    /// The spare waited longer than a spare may.
    #[error(
        "the staged key is older than AUTH_ROTATION_OVERLAP_MINUTES; stage a new one (`chancery keys stage --replace`)"
    )]
    TooOld,
    /// Verifiers may still hold a document without the staged key.
    #[error("verifiers may not know the staged key before {ready_at}")]
    TooEarly {
        /// From when on it may sign.
        ready_at: Timestamp,
    },
    /// The set has or had this very key, or one of its name.
    #[error("the set knows the key {0} already")]
    Known(KeyId),
    /// The set has no key of this name.
    #[error("the set has no key {0}")]
    Unknown(String),
    /// The key is not of the type that the set holds.
    #[error("the key is not of the type that the {0} set holds")]
    WrongType(KeySetName),
    /// The set could not be read or stored.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a stored set was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoredSetError {
    /// Not JSON of the stored form. Where, but not what: it may be secret.
    #[error("the stored key set is malformed at line {line}, column {column}")]
    Malformed {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// Written by another version of this program.
    #[error("the stored key set has the schema version {0}, which this program does not read")]
    SchemaVersion(u32),
    /// The set of another name, as when a file was renamed.
    #[error("the stored key set is called {0:?}, which is another one")]
    OtherSet(String),
    /// Versions begin with 1.
    #[error("the stored key set has no version")]
    NoVersion,
    /// A set signs with exactly one key.
    #[error("the stored key set has {0} active keys, not one")]
    ActiveKeys(usize),
    /// A set has one spare at most.
    #[error("the stored key set has {0} staged keys")]
    StagedKeys(usize),
    /// Two entries have one name, or are one key.
    #[error("the stored key set holds the key {0} twice")]
    Duplicate(KeyId),
    /// A key that contradicts itself or its set.
    #[error("the stored key {kid} {what}")]
    BadKey {
        /// Which.
        kid: KeyId,
        /// What is wrong with it.
        what: &'static str,
    },
}
