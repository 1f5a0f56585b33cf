//! What the ports promise, as functions that any implementation can be run against.

mod ledger;
pub mod usage_meter;
pub mod usage_store;
pub mod usage_system_store;

pub use ledger::Ledger;
