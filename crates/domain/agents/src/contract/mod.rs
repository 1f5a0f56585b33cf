//! What any implementation of this crate's ports has to keep to.

pub mod approval_store;
pub mod named_turns;
pub mod run_fan_out;
pub mod run_log_system_store;
pub mod run_store;
pub mod run_system_store;
mod turns;
