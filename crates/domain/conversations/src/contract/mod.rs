//! What any implementation of this crate's ports has to keep to.

pub mod conversation_store;
mod conversation_store_search;
mod seeding;
pub mod title_store;

pub use seeding::{Harness, Seeding, Turn};
