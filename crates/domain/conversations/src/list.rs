//! Places in lists, filters and search hits.

use chancery_ambient::Timestamp;
use chancery_ids::ConversationId;
use serde::{Deserialize, Serialize};

use crate::Conversation;

/// Which conversations a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// Only those whose entry agent this is.
    pub agent: Option<String>,
}

/// The sort key of a conversation in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPlace {
    /// `updated_at` of the last item.
    pub ts: Timestamp,
    /// Its id, which breaks ties.
    pub id: ConversationId,
}

/// The sort key of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessagePlace {
    /// Position of the last item.
    pub position: u64,
}

/// The sort key of a search hit: rank descending, then newest, then id.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SearchPlace {
    /// Rank of the last item, higher is better.
    pub rank: f64,
    /// Its `updated_at`.
    pub ts: Timestamp,
    /// Its id.
    pub id: ConversationId,
}

/// Which way a list of messages runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Oldest first.
    Asc,
    /// Newest first.
    Desc,
}

/// A conversation that a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchHit {
    /// The conversation.
    pub conversation: Conversation,
    /// The beginning of its best message, at most 120 characters.
    pub preview: String,
    /// How well it fits; higher is better, comparable within one answer alone.
    pub rank: f64,
}
