//! What the contract needs besides the port: somebody who writes conversations, since the port only reads and deletes.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_ambient::{Ambient, Timestamp};
use chancery_events::OutboxStore;
use chancery_ids::{ConversationKey, TenantId, UserId};

use crate::{ConversationStore, TitleStore};

/// A store with nothing in it, and what the contract needs to fill and inspect it.
pub struct Harness {
    /// What is tested.
    pub conversations: Arc<dyn ConversationStore>,
    /// The same storage, where it names conversations that nobody has named.
    pub titles: Arc<dyn TitleStore>,
    /// Writes conversations into the same storage.
    pub seeding: Arc<dyn Seeding>,
    /// Where the same storage leaves its events.
    pub outbox: Arc<dyn OutboxStore>,
}

/// Writes turns as a run does. Tenants and people that were never seen before MUST be made on the way when the storage
/// wants them to exist.
#[async_trait]
pub trait Seeding: Send + Sync {
    /// Adds an answered turn: two completed messages of `turn.at`, the conversation made when it is new.
    async fn add_turn(&self, turn: &Turn);

    /// Adds a turn whose run is still live: the person's message alone is there.
    async fn begin_turn(&self, turn: &Turn);
}

/// One turn of a conversation.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Whose tenant.
    pub tenant: TenantId,
    /// Whose conversation.
    pub owner: UserId,
    /// Which conversation.
    pub key: ConversationKey,
    /// The agent that is asked and answers.
    pub agent: String,
    /// What the person says.
    pub text: String,
    /// What the agent answers.
    pub answer: String,
    /// When: of both messages, and `updated_at` of the conversation.
    pub at: Timestamp,
}

/// A person who chats. Each of their turns is a minute after the one before.
pub(super) struct Person<'a> {
    pub(super) harness: &'a Harness,
    pub(super) tenant: TenantId,
    pub(super) owner: UserId,
}

impl<'a> Person<'a> {
    pub(super) fn new(harness: &'a Harness) -> Self {
        Self::of(harness, Ambient::system().new_id())
    }

    pub(super) fn of(harness: &'a Harness, tenant: TenantId) -> Self {
        Self {
            harness,
            tenant,
            owner: Ambient::system().new_id(),
        }
    }

    /// A turn of `minute` in the conversation `key`.
    pub(super) fn turn(&self, key: &str, minute: u64, text: &str, answer: &str) -> Turn {
        Turn {
            tenant: self.tenant,
            owner: self.owner,
            key: super::conversation_store::key(key),
            agent: "triage".to_owned(),
            text: text.to_owned(),
            answer: answer.to_owned(),
            at: super::conversation_store::minute(minute),
        }
    }

    pub(super) async fn says(&self, key: &str, minute: u64, text: &str, answer: &str) {
        let turn = self.turn(key, minute, text, answer);
        self.harness.seeding.add_turn(&turn).await;
    }
}
