//! What any implementation of this crate's ports has to keep to.

pub mod app_store;
