#![doc = include_str!("../README.md")]

#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod entity_tags;
mod error;
mod jwks;
mod key;
mod key_set;
mod ports;
mod published;
mod service;
mod snapshot;
mod stored;
mod witness;

pub use chancery_token_verify::KeySetName;
pub use error::{KeyChangeRefused, StoredSetError};
pub use jwks::JwksDocument;
pub use key::{Key, KeyState};
pub use key_set::{AdoptedKey, KeyLives, KeySet};
pub use ports::{Acknowledgement, KeyReplicas, KeySetWitness, KeyStore, Saved, Testimony};
pub use published::PublishedKeys;
pub use service::{KeyService, KeySettings, SignedToken};
pub use witness::WitnessedKeys;
