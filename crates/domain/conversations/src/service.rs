//! What a person may do with their conversations.

use std::sync::Arc;

use chancery_access::{Principal, Scope};
use chancery_ambient::Ambient;
use chancery_events::{Event, EventKind};
use chancery_ids::{ConversationKey, Cursor, Limit, MessageId, Page, UserId};
use serde::de::DeserializeOwned;

use crate::{
    Conversation, ConversationStore, ConversationsError, DeleteRefused, ListFilter, Message, Order,
    SearchHit, SearchQuery, Title, Truncation,
};

/// Reads, searches, names, shortens and deletes the conversations of the person who calls. Those of anybody else are absent,
/// whatever the caller's role.
pub struct ConversationService {
    pub(crate) store: Arc<dyn ConversationStore>,
    ambient: Ambient,
}

/// A conversation with its last messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Thread {
    /// The conversation.
    pub conversation: Conversation,
    /// Its last [`Limit::MAX`] messages, oldest first.
    pub messages: Vec<Message>,
    /// Where the messages before these begin, for [`ConversationService::list_messages`] in [`Order::Desc`].
    pub earlier: Option<Cursor>,
}

impl ConversationService {
    /// A service over `store`.
    #[must_use]
    pub fn new(store: Arc<dyn ConversationStore>, ambient: Ambient) -> Self {
        Self { store, ambient }
    }

    /// Conversations, the one that changed last first. `cursor` is the `next` of the page before.
    #[tracing::instrument(name = "conversations.list", skip_all, fields(tenant = %caller.tenant))]
    pub async fn list(
        &self,
        caller: &Principal,
        filter: &ListFilter,
        cursor: Option<&str>,
        limit: Limit,
    ) -> Result<Page<Conversation>, ConversationsError> {
        let owner = reader(caller)?;
        let after = place(cursor)?;
        if !filter.can_match() {
            return Ok(nothing());
        }
        Ok(self
            .store
            .list(caller.tenant, owner, filter, after, limit)
            .await?)
    }

    /// The conversation of this key with its last messages.
    #[tracing::instrument(name = "conversations.find", skip_all, fields(tenant = %caller.tenant))]
    pub async fn find(
        &self,
        caller: &Principal,
        key: &ConversationKey,
    ) -> Result<Option<Thread>, ConversationsError> {
        let owner = reader(caller)?;
        let Some(conversation) = self.store.find(caller.tenant, owner, key).await? else {
            return Ok(None);
        };
        let mut last = self
            .store
            .list_messages(caller.tenant, conversation.id, Order::Desc, None, Limit::LARGEST)
            .await?;
        last.items.reverse();
        Ok(Some(Thread {
            conversation,
            messages: last.items,
            earlier: last.next,
        }))
    }

    /// The conversation of this key, without its messages.
    #[tracing::instrument(name = "conversations.find_by_key", skip_all, fields(tenant = %caller.tenant))]
    pub async fn find_by_key(
        &self,
        caller: &Principal,
        key: &ConversationKey,
    ) -> Result<Option<Conversation>, ConversationsError> {
        let owner = reader(caller)?;
        Ok(self.store.find(caller.tenant, owner, key).await?)
    }

    /// Messages of the conversation of this key; `None` when there is no such conversation. A cursor belongs to one order.
    #[tracing::instrument(name = "conversations.list_messages", skip_all, fields(tenant = %caller.tenant))]
    pub async fn list_messages(
        &self,
        caller: &Principal,
        key: &ConversationKey,
        order: Order,
        cursor: Option<&str>,
        limit: Limit,
    ) -> Result<Option<Page<Message>>, ConversationsError> {
        let owner = reader(caller)?;
        let after = place(cursor)?;
        let Some(conversation) = self.store.find(caller.tenant, owner, key).await? else {
            return Ok(None);
        };
        let page = self
            .store
            .list_messages(caller.tenant, conversation.id, order, after, limit)
            .await?;
        Ok(Some(page))
    }

    /// Conversations that hold the words of `query`, best first.
    #[tracing::instrument(name = "conversations.search", skip_all, fields(tenant = %caller.tenant))]
    pub async fn search(
        &self,
        caller: &Principal,
        query: &str,
        filter: &ListFilter,
        cursor: Option<&str>,
        limit: Limit,
    ) -> Result<Page<SearchHit>, ConversationsError> {
        let owner = reader(caller)?;
        let query = SearchQuery::parse(query)?;
        let after = place(cursor)?;
        if !filter.can_match() {
            return Ok(nothing());
        }
        let found = self
            .store
            .search(caller.tenant, owner, query.as_str(), filter, after, limit)
            .await?;
        Ok(found)
    }

    /// Gives the conversation of this key a title; `None` when there is no such conversation.
    #[tracing::instrument(name = "conversations.rename", skip_all, fields(tenant = %caller.tenant))]
    pub async fn rename(
        &self,
        caller: &Principal,
        key: &ConversationKey,
        title: &str,
    ) -> Result<Option<Conversation>, ConversationsError> {
        caller.require(Scope::CONVERSATIONS_WRITE)?;
        let owner = caller.require_person()?;
        let title = Title::parse(title)?;
        Ok(self.store.rename(caller.tenant, owner, key, &title).await?)
    }

    /// Deletes the conversation of this key for good; `false` when there is none.
    #[tracing::instrument(name = "conversations.delete", skip_all, fields(tenant = %caller.tenant))]
    pub async fn delete(
        &self,
        caller: &Principal,
        key: &ConversationKey,
    ) -> Result<bool, ConversationsError> {
        let owner = deleter(caller)?;
        let Some(conversation) = self.store.find(caller.tenant, owner, key).await? else {
            return Ok(false);
        };
        Ok(self.remove(caller, owner, &conversation).await?)
    }

    pub(crate) async fn remove(
        &self,
        caller: &Principal,
        owner: UserId,
        conversation: &Conversation,
    ) -> Result<bool, DeleteRefused> {
        let deleted = self.event(caller, EventKind::ConversationDeleted, conversation);
        self.store
            .delete(caller.tenant, owner, &conversation.key, &[deleted])
            .await
    }

    /// Deletes a message of the caller's own and everything that was said after it; `false` when there is no such message. The
    /// next turn goes on from what is left.
    #[tracing::instrument(name = "conversations.truncate", skip_all, fields(tenant = %caller.tenant))]
    pub async fn truncate(
        &self,
        caller: &Principal,
        key: &ConversationKey,
        from: MessageId,
    ) -> Result<bool, ConversationsError> {
        let owner = deleter(caller)?;
        let Some(conversation) = self.store.find(caller.tenant, owner, key).await? else {
            return Ok(false);
        };
        let truncation = Truncation {
            from,
            shortened: self.event(caller, EventKind::ConversationTruncated, &conversation),
            deleted: self.event(caller, EventKind::ConversationDeleted, &conversation),
        };
        Ok(self
            .store
            .truncate(caller.tenant, owner, key, &truncation)
            .await?)
    }

    /// By the row's id: a key is text of the client's own and may hold anything.
    fn event(&self, caller: &Principal, kind: EventKind, conversation: &Conversation) -> Event {
        Event::new(&self.ambient, caller.tenant, kind, conversation.id.to_string())
            .with("by", caller.subject.to_string())
    }
}

pub(crate) fn deleter(caller: &Principal) -> Result<UserId, ConversationsError> {
    caller.require(Scope::CONVERSATIONS_DELETE)?;
    Ok(caller.require_person()?)
}

pub(crate) fn reader(caller: &Principal) -> Result<UserId, ConversationsError> {
    caller.require(Scope::CONVERSATIONS_READ)?;
    Ok(caller.require_person()?)
}

fn place<T: DeserializeOwned>(cursor: Option<&str>) -> Result<Option<T>, ConversationsError> {
    let read = |text| Cursor::parse(text)?.read();
    Ok(cursor.map(read).transpose()?)
}

fn nothing<T>() -> Page<T> {
    Page {
        items: Vec::new(),
        next: None,
    }
}

#[cfg(test)]
mod tests;
