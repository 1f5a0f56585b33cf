#![doc = include_str!("../README.md")]

#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod conversation;
mod error;
mod list;
mod ports;
mod query;
mod service;
mod title;
mod titles;
#[cfg(test)]
mod twin;

pub use conversation::{Conversation, Message, MessageStatus, Role};
pub use error::ConversationsError;
pub use list::{ListFilter, ListPlace, MessagePlace, Order, SearchHit, SearchPlace};
pub use ports::{ConversationStore, DeleteRefused};
pub use query::{QueryError, SearchQuery};
pub use service::{ConversationService, Thread};
pub use title::{Title, TitleError};
pub use titles::TitleStore;
