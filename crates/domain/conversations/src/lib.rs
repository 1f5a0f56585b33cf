#![doc = include_str!("../README.md")]

mod conversation;
mod list;
mod ports;

pub use conversation::{Conversation, Message, MessageStatus, Role};
pub use list::{ListFilter, ListPlace, MessagePlace, Order, SearchHit, SearchPlace};
pub use ports::{ConversationStore, DeleteRefused};
