//! Conversations and their messages.

mod forgetting;
mod removal;
mod rows;
mod search;
mod titles;

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_conversations::{
    Conversation, ConversationStore, DeleteRefused, ListFilter, ListPlace, Message, MessagePlace, Order,
    Role, SearchHit, SearchPlace, Title, Truncation,
};
use chancery_events::Event;
use chancery_ids::{ConversationId, ConversationKey, Cursor, Limit, Page, TenantId, UserId};
use diesel::{prelude::*, sql_types::Bool};
use diesel_async::RunQueryDsl;

use self::{
    removal::{Removal, Removed},
    search::Search,
};
pub(crate) use self::{
    rows::{ConversationRow, MessageRow, storable},
    search::SearchIndex,
};
use crate::{
    Database,
    codec::{self, Stored},
    database::{read, transaction, write_one},
    outbox::Announce,
    schema::conversations::{conversations, messages},
};

/// [`ConversationStore`] and [`ConversationSystemStore`](chancery_conversations::ConversationSystemStore) on either engine.
pub struct SqlConversations(Database);

impl SqlConversations {
    /// The conversations in `database`.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

#[async_trait]
impl ConversationStore for SqlConversations {
    #[tracing::instrument(name = "store_sql.find_conversation", skip_all, fields(%tenant, %owner))]
    async fn find(
        &self,
        tenant: TenantId,
        owner: UserId,
        key: &ConversationKey,
    ) -> Result<Option<Conversation>, Fault> {
        let it = with_key(tenant, owner, key.to_string());
        let row = read!(self.0, |conn| it
            .select(ConversationRow::as_select())
            .first(conn)
            .await
            .optional())?;
        row.map(Conversation::try_from).transpose()
    }

    #[tracing::instrument(name = "store_sql.list_conversations", skip_all, fields(%tenant, %owner))]
    async fn list(
        &self,
        tenant: TenantId,
        owner: UserId,
        filter: &ListFilter,
        after: Option<ListPlace>,
        limit: Limit,
    ) -> Result<Page<Conversation>, Fault> {
        let after = after.unwrap_or_else(before_the_newest);
        // The first bound on the time is where the index is entered, the second leaves out what the page before showed
        // of the same moment. No conversation is without a message, so there is nothing to leave out for that.
        let page = conversations::table
            .filter(conversations::tenant_id.eq(Stored(tenant)))
            .filter(conversations::owner_id.eq(Stored(owner)))
            .filter(conversations::updated_at.le(Stored(after.ts)))
            .filter(
                conversations::updated_at
                    .lt(Stored(after.ts))
                    .or(conversations::id.lt(Stored(after.id))),
            )
            .filter(
                conversations::agent_entrypoint
                    .eq(filter.agent.as_deref().unwrap_or_default())
                    .or(filter.agent.is_none().into_sql::<Bool>()),
            )
            .order((conversations::updated_at.desc(), conversations::id.desc()))
            .limit(limit.one_beyond());
        let rows = read!(self.0, |conn| page
            .select(ConversationRow::as_select())
            .load(conn)
            .await)?;
        let items = rows
            .into_iter()
            .map(Conversation::try_from)
            .collect::<Result<_, _>>()?;
        Ok(Page::cut(items, limit, |last: &Conversation| {
            Cursor::of(&ListPlace {
                ts: last.updated_at,
                id: last.id,
            })
        }))
    }

    #[tracing::instrument(name = "store_sql.list_conversations_by_key", skip_all, fields(%tenant, %owner))]
    async fn list_by_key(
        &self,
        tenant: TenantId,
        owner: UserId,
        after: Option<&ConversationKey>,
        limit: u16,
    ) -> Result<Vec<Conversation>, Fault> {
        // No key is empty, so every one comes after this.
        let after = after.map_or("", ConversationKey::as_str);
        let page = conversations::table
            .filter(conversations::tenant_id.eq(Stored(tenant)))
            .filter(conversations::owner_id.eq(Stored(owner)))
            .filter(conversations::key.gt(after))
            .order(conversations::key)
            .limit(i64::from(limit));
        let rows = read!(self.0, |conn| page
            .select(ConversationRow::as_select())
            .load(conn)
            .await)?;
        rows.into_iter().map(Conversation::try_from).collect()
    }

    #[tracing::instrument(name = "store_sql.list_messages", skip_all, fields(%tenant, %conversation))]
    async fn list_messages(
        &self,
        tenant: TenantId,
        conversation: ConversationId,
        order: Order,
        after: Option<MessagePlace>,
        limit: Limit,
    ) -> Result<Page<Message>, Fault> {
        let after = after.map(|place| codec::big_int(place.position)).transpose()?;
        let all = messages::table
            .filter(messages::tenant_id.eq(Stored(tenant)))
            .filter(messages::conversation_id.eq(Stored(conversation)))
            .limit(limit.one_beyond());
        let rows = match order {
            Order::Asc => {
                let page = all
                    .filter(messages::position.gt(after.unwrap_or(-1)))
                    .order(messages::position.asc());
                read!(self.0, |conn| page
                    .select(MessageRow::as_select())
                    .load(conn)
                    .await)
            }
            Order::Desc => {
                let page = all
                    .filter(messages::position.lt(after.unwrap_or(i64::MAX)))
                    .order(messages::position.desc());
                read!(self.0, |conn| page
                    .select(MessageRow::as_select())
                    .load(conn)
                    .await)
            }
        }?;
        let items = rows
            .into_iter()
            .map(Message::try_from)
            .collect::<Result<_, _>>()?;
        Ok(Page::cut(items, limit, |last: &Message| {
            Cursor::of(&MessagePlace {
                position: last.position,
            })
        }))
    }

    #[tracing::instrument(name = "store_sql.search_conversations", skip_all, fields(%tenant, %owner))]
    async fn search(
        &self,
        tenant: TenantId,
        owner: UserId,
        query: &str,
        filter: &ListFilter,
        after: Option<SearchPlace>,
        limit: Limit,
    ) -> Result<Page<SearchHit>, Fault> {
        let search = Search {
            tenant,
            owner,
            query,
            agent: filter.agent.as_deref(),
            after: after.unwrap_or_else(before_the_best),
            limit: limit.one_beyond(),
        };
        let mut hits = Vec::new();
        for row in search.hits(&self.0).await? {
            hits.push(SearchHit {
                conversation: row.conversation.try_into()?,
                preview: row.preview,
                rank: row.score,
            });
        }
        Ok(Page::cut(hits, limit, |last| {
            Cursor::of(&SearchPlace {
                rank: last.rank,
                ts: last.conversation.updated_at,
                id: last.conversation.id,
            })
        }))
    }

    #[tracing::instrument(name = "store_sql.rename_conversation", skip_all, fields(%tenant, %owner))]
    async fn rename(
        &self,
        tenant: TenantId,
        owner: UserId,
        key: &ConversationKey,
        title: &Title,
    ) -> Result<Option<Conversation>, Fault> {
        let rename = diesel::update(with_key(tenant, owner, key.to_string()))
            .set(conversations::display_name.eq(title.as_str()));
        let row = write_one!(self.0, |conn| rename
            .returning(ConversationRow::as_returning())
            .get_result(conn)
            .await
            .optional())?;
        row.map(Conversation::try_from).transpose()
    }

    #[tracing::instrument(name = "store_sql.delete_conversation", skip_all, fields(%tenant, %owner))]
    async fn delete(
        &self,
        tenant: TenantId,
        owner: UserId,
        key: &ConversationKey,
        events: &[Event],
    ) -> Result<bool, DeleteRefused> {
        let row = diesel::delete(with_key(tenant, owner, key.to_string())).returning(conversations::id);
        answer(transaction!(self.0, |conn| {
            let Some(Stored(id)) = row.get_result(conn).await.optional()? else {
                return Ok(Removed::Absent);
            };
            conn.remove_messages(tenant, id, 0).await?;
            conn.announce(events).await?;
            Ok(Removed::Done)
        })?)
    }

    /// The message is looked for from the end: what it takes to find it is no more than what goes.
    #[tracing::instrument(name = "store_sql.truncate_conversation", skip_all, fields(%tenant, %owner))]
    async fn truncate(
        &self,
        tenant: TenantId,
        owner: UserId,
        key: &ConversationKey,
        truncation: &Truncation,
    ) -> Result<bool, DeleteRefused> {
        let it = with_key(tenant, owner, key.to_string());
        // Changes nothing: it is to hold the row.
        let hold =
            diesel::update(it.clone()).set(conversations::message_count.eq(conversations::message_count));
        answer(transaction!(self.0, |conn| {
            let held = hold.returning((conversations::id, conversations::agent_entrypoint));
            let held: Option<(Stored<ConversationId>, String)> = held.get_result(conn).await.optional()?;
            let Some((Stored(id), entrypoint)) = held else {
                return Ok(Removed::Absent);
            };
            let of_conversation = messages::table
                .filter(messages::tenant_id.eq(Stored(tenant)))
                .filter(messages::conversation_id.eq(Stored(id)));
            let newest_first = of_conversation.order(messages::position.desc());
            let message = newest_first
                .filter(messages::id.eq(Stored(truncation.from)))
                .select(MessageRow::as_select())
                .first(conn)
                .await
                .optional()?;
            let Some(message) = message else {
                return Ok(Removed::Absent);
            };
            if message.role != Role::User.as_str() {
                return Ok(Removed::NotThePersons);
            }
            conn.remove_messages(tenant, id, message.position).await?;
            let last = newest_first
                .select(MessageRow::as_select())
                .first(conn)
                .await
                .optional()?;
            let Some(last) = last else {
                diesel::delete(it).execute(conn).await?;
                conn.announce(std::slice::from_ref(&truncation.deleted)).await?;
                return Ok(Removed::Done);
            };
            let spoke_last = newest_first
                .filter(messages::agent.is_not_null())
                .select(messages::agent.assume_not_null());
            let spoke_last: Option<String> = spoke_last.first(conn).await.optional()?;
            diesel::update(it)
                .set((
                    conversations::message_count.eq(message.position),
                    conversations::last_message_preview.eq(Conversation::preview_of(&last.content)),
                    conversations::updated_at.eq(last.created_at),
                    conversations::active_agent.eq(spoke_last.unwrap_or(entrypoint)),
                ))
                .execute(conn)
                .await?;
            conn.announce(std::slice::from_ref(&truncation.shortened)).await?;
            Ok(Removed::Done)
        })?)
    }
}

fn answer(removed: Removed) -> Result<bool, DeleteRefused> {
    match removed {
        Removed::Done => Ok(true),
        Removed::Absent => Ok(false),
        Removed::NotThePersons => Err(DeleteRefused::NotThePersons),
        Removed::RunIsLive => Err(DeleteRefused::RunIsLive),
    }
}

#[diesel::dsl::auto_type]
fn with_key(tenant: TenantId, owner: UserId, key: String) -> _ {
    conversations::table
        .filter(conversations::tenant_id.eq(Stored::<TenantId>(tenant)))
        .filter(conversations::owner_id.eq(Stored::<UserId>(owner)))
        .filter(conversations::key.eq(key))
}

/// The place from which a list begins, so that the first page is the same statement as all others.
fn before_the_newest() -> ListPlace {
    ListPlace {
        ts: Timestamp::EPOCH.plus(std::time::Duration::MAX),
        id: ConversationId::from_uuid(uuid::Uuid::max()),
    }
}

fn before_the_best() -> SearchPlace {
    let ListPlace { ts, id } = before_the_newest();
    SearchPlace {
        rank: f64::INFINITY,
        ts,
        id,
    }
}
