#![doc = include_str!("../README.md")]

#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod conversation;
mod error;
mod everything;
mod forgetting;
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
pub use everything::{Erased, Exported};
pub use forgetting::{ConversationSystemStore, OldConversations};
pub use list::{ListFilter, ListPlace, MessagePlace, Order, SearchHit, SearchPlace};
pub use ports::{ConversationStore, DeleteRefused, Truncation};
pub use query::{QueryError, SearchQuery};
pub use service::{ConversationService, Thread};
pub use title::{Title, TitleError};
pub use titles::TitleStore;
