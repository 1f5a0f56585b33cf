//! The tables, a file a domain. `tests/schema_parity.rs` holds them against both migrated databases.

pub(crate) mod accounts;
pub(crate) mod agents;
pub(crate) mod billing;
pub(crate) mod conversations;
pub(crate) mod events;
pub(crate) mod guards;
pub(crate) mod keys;
pub(crate) mod registry;
pub(crate) mod tokens;
