//! What runs and their tools read of conversations.

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_conversations::{
    Conversation, ConversationStore, DeleteRefused, ListFilter, ListPlace, Message, MessagePlace, Order,
    SearchHit, SearchPlace, Title, TitleStore, Truncation,
};
use chancery_events::Event;
use chancery_ids::{ConversationId, ConversationKey, Cursor, Limit, Page, TenantId, UserId};

use super::Storage;

#[async_trait]
impl ConversationStore for Storage {
    async fn find(
        &self,
        tenant: TenantId,
        owner: UserId,
        key: &ConversationKey,
    ) -> Result<Option<Conversation>, Fault> {
        let state = self.state();
        let mut threads = state.threads.iter().map(|(thread, _)| thread);
        Ok(threads
            .find(|thread| (thread.tenant, thread.owner, &thread.key) == (tenant, owner, key))
            .cloned())
    }

    async fn list(
        &self,
        _: TenantId,
        _: UserId,
        _: &ListFilter,
        _: Option<ListPlace>,
        _: Limit,
    ) -> Result<Page<Conversation>, Fault> {
        panic!("runs list no conversations");
    }

    async fn list_by_key(
        &self,
        _: TenantId,
        _: UserId,
        _: Option<&ConversationKey>,
        _: u16,
    ) -> Result<Vec<Conversation>, Fault> {
        panic!("runs list no conversations");
    }

    async fn list_messages(
        &self,
        tenant: TenantId,
        conversation: ConversationId,
        order: Order,
        after: Option<MessagePlace>,
        limit: Limit,
    ) -> Result<Page<Message>, Fault> {
        let state = self.state();
        let thread = state
            .threads
            .iter()
            .find(|(thread, _)| (thread.tenant, thread.id) == (tenant, conversation));
        let mut messages = thread.map(|(_, messages)| messages.clone()).unwrap_or_default();
        if order == Order::Desc {
            messages.reverse();
        }
        messages.retain(|message| {
            after.is_none_or(|place| match order {
                Order::Asc => message.position > place.position,
                Order::Desc => message.position < place.position,
            })
        });
        Ok(Page::cut(messages, limit, |last| {
            Cursor::of(&MessagePlace {
                position: last.position,
            })
        }))
    }

    /// One word, in whatever message.
    async fn search(
        &self,
        tenant: TenantId,
        owner: UserId,
        query: &str,
        _: &ListFilter,
        _: Option<SearchPlace>,
        limit: Limit,
    ) -> Result<Page<SearchHit>, Fault> {
        let state = self.state();
        let own = state
            .threads
            .iter()
            .filter(|(thread, _)| (thread.tenant, thread.owner) == (tenant, owner));
        let mut hits = Vec::new();
        for (conversation, messages) in own {
            if let Some(message) = messages.iter().find(|message| message.content.contains(query)) {
                let preview = Conversation::preview_of(&message.content);
                hits.push(SearchHit {
                    conversation: conversation.clone(),
                    preview,
                    rank: 1.0,
                });
            }
        }
        Ok(Page::cut(hits, limit, |_| Cursor::of(&())))
    }

    async fn rename(
        &self,
        _: TenantId,
        _: UserId,
        _: &ConversationKey,
        _: &Title,
    ) -> Result<Option<Conversation>, Fault> {
        panic!("runs name no conversations");
    }

    async fn delete(
        &self,
        _: TenantId,
        _: UserId,
        _: &ConversationKey,
        _: &[Event],
    ) -> Result<bool, DeleteRefused> {
        panic!("runs delete no conversations");
    }

    async fn truncate(
        &self,
        _: TenantId,
        _: UserId,
        _: &ConversationKey,
        _: &Truncation,
    ) -> Result<bool, DeleteRefused> {
        panic!("runs delete no messages");
    }
}

#[async_trait]
impl TitleStore for Storage {
    async fn entitle(
        &self,
        tenant: TenantId,
        conversation: ConversationId,
        title: &Title,
    ) -> Result<bool, Fault> {
        let mut state = self.state();
        let mut threads = state.threads.iter_mut().map(|(thread, _)| thread);
        let found = threads.find(|thread| (thread.tenant, thread.id) == (tenant, conversation));
        let nameless = found.filter(|thread| thread.display_name.is_none());
        Ok(nameless
            .map(|thread| thread.display_name = Some(title.as_str().to_owned()))
            .is_some())
    }
}
