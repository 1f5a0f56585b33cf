//! What any implementation of this crate's ports has to keep to.

pub mod run_fan_out;
pub mod run_store;
pub mod run_system_store;
mod turns;

use std::sync::Arc;

use chancery_conversations::ConversationStore;
use chancery_events::OutboxStore;

use crate::{RunStore, RunSystemStore};

/// Views of one storage with nothing in it.
pub struct Harness {
    /// What is tested.
    pub runs: Arc<dyn RunStore>,
    /// What is tested.
    pub system: Arc<dyn RunSystemStore>,
    /// Where the messages that runs write are read.
    pub conversations: Arc<dyn ConversationStore>,
    /// Where the events that runs announce are left.
    pub outbox: Arc<dyn OutboxStore>,
}
