//! What any implementation of this crate's ports has to keep to, and a store in memory for the tests of others.

pub mod key_replicas;
pub mod key_set_witness;
pub mod key_store;
mod memory;
mod settings;

pub use memory::{MemoryKeyStore, MemoryReplicas, MemoryWitness};
pub use settings::usual_settings;
