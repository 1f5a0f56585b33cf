//! What any implementation of this crate's ports has to keep to.

pub mod account_system_store;
mod harness;
pub mod link_system_store;
pub mod member_store;
pub mod password_store;
pub mod people_store;
pub mod service_token_store;

pub use harness::Harness;
