//! What any implementation of this crate's ports has to keep to.

pub mod conversation_store;
mod conversation_store_removal;
mod conversation_store_search;
pub mod conversation_system_store;
mod seeding;
pub mod title_store;

pub use seeding::{Harness, Seeding, Turn};
