//! What conversations ask of storage.

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_events::Event;
use chancery_ids::{ConversationId, ConversationKey, Limit, MessageId, Page, TenantId, UserId};

use crate::{
    Conversation, ListFilter, ListPlace, Message, MessagePlace, Order, SearchHit, SearchPlace, Title,
};

/// Reads, names and deletes conversations. Runs write them (`chancery-agents`, `RunStore`).
///
/// Every method MUST answer for the conversations of exactly this tenant and this owner; those of anybody else are absent.
#[async_trait]
pub trait ConversationStore: Send + Sync {
    /// The conversation with this key.
    async fn find(
        &self,
        tenant: TenantId,
        owner: UserId,
        key: &ConversationKey,
    ) -> Result<Option<Conversation>, Fault>;

    /// Conversations that hold a message, newest change first (`updated_at` then id, both descending), those after `after`.
    ///
    /// MUST be keyset-paginated: an item is neither skipped nor repeated because others were added.
    async fn list(
        &self,
        tenant: TenantId,
        owner: UserId,
        filter: &ListFilter,
        after: Option<ListPlace>,
        limit: Limit,
    ) -> Result<Page<Conversation>, Fault>;

    /// Up to `limit` conversations by their keys, in an order of the storage's own, those after `after`.
    ///
    /// MUST skip and repeat none because it changed meanwhile: whoever reads to the end has every conversation that was there all
    /// the time.
    async fn list_by_key(
        &self,
        tenant: TenantId,
        owner: UserId,
        after: Option<&ConversationKey>,
        limit: u16,
    ) -> Result<Vec<Conversation>, Fault>;

    /// Messages by position in `order`, those beyond `after`.
    ///
    /// MUST NOT cost more for a longer conversation.
    async fn list_messages(
        &self,
        tenant: TenantId,
        conversation: ConversationId,
        order: Order,
        after: Option<MessagePlace>,
        limit: Limit,
    ) -> Result<Page<Message>, Fault>;

    /// Conversations whose messages hold the words of `query`, best first; one hit a conversation.
    ///
    /// MUST match whatever the letter case and MUST take any text as words, never as query syntax.
    async fn search(
        &self,
        tenant: TenantId,
        owner: UserId,
        query: &str,
        filter: &ListFilter,
        after: Option<SearchPlace>,
        limit: Limit,
    ) -> Result<Page<SearchHit>, Fault>;

    /// Gives the conversation a title; `None` when there is none to give it to.
    ///
    /// MUST leave `updated_at` as it is: a new title moves a conversation in no list.
    async fn rename(
        &self,
        tenant: TenantId,
        owner: UserId,
        key: &ConversationKey,
        title: &Title,
    ) -> Result<Option<Conversation>, Fault>;

    /// Deletes the conversation with its messages, runs and log, and stores the events in the same change; `false` when
    /// there is none, and then no event is stored.
    ///
    /// MUST NOT delete while a run of it is live: `Err(DeleteRefused::RunIsLive)`.
    async fn delete(
        &self,
        tenant: TenantId,
        owner: UserId,
        key: &ConversationKey,
        events: &[Event],
    ) -> Result<bool, DeleteRefused>;

    /// Deletes a message of the person's and everything after it, with the runs that wrote it, and stores the event of it in
    /// the same change; `false` when there is no such message. What the list shows of the conversation, its time too, is then that of
    /// its last message. With its first message the conversation goes.
    ///
    /// MUST NOT delete while a run of the conversation is live: `Err(DeleteRefused::RunIsLive)`. MUST NOT begin with a message of an
    /// agent's: `Err(DeleteRefused::NotThePersons)`.
    async fn truncate(
        &self,
        tenant: TenantId,
        owner: UserId,
        key: &ConversationKey,
        truncation: &Truncation,
    ) -> Result<bool, DeleteRefused>;
}

/// Where a conversation is to end, and what is announced.
#[derive(Debug, Clone, PartialEq)]
pub struct Truncation {
    /// The first message that goes.
    pub from: MessageId,
    /// Announced when earlier messages stay.
    pub shortened: Event,
    /// Announced when none does.
    pub deleted: Event,
}

/// Why a conversation, or a message, was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteRefused {
    /// The message is an agent's: it goes with the message that it answers.
    #[error("only a message of the person can be deleted")]
    NotThePersons,
    /// A run of it is live: cancel it first.
    #[error("a run of this conversation is live")]
    RunIsLive,
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}
