//! What any implementation of this crate's ports has to keep to, and what sessions do over it.

mod bench;
mod memory;
pub mod refresh_family_system_store;
pub mod revocation_system_store;
pub mod session_store;
pub mod sessions;

pub use bench::Bench;
pub use memory::{MemoryFamilies, MemoryOutbox};
