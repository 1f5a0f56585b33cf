//! Conversations and their messages.

mod rows;
mod search;
mod titles;

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_conversations::{
    Conversation, ConversationStore, DeleteRefused, ListFilter, ListPlace, Message, MessagePlace, Order,
    SearchHit, SearchPlace, Title,
};
use chancery_events::Event;
use chancery_ids::{ConversationId, ConversationKey, Cursor, Limit, Page, TenantId, UserId};
use diesel::{dsl::exists, prelude::*, sql_types::Bool};
use diesel_async::RunQueryDsl;

use self::search::Search;
pub(crate) use self::{
    rows::{ConversationRow, MessageRow, storable},
    search::SearchIndex,
};
use crate::{
    Database,
    codec::{self, Stored},
    database::{read, transaction, write_one},
    fault::Undone,
    outbox::Announce,
    schema::{
        agents::{approvals, run_log, runs},
        conversations::{conversations, messages},
    },
};

/// [`ConversationStore`] on either engine.
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

    /// The conversation's row goes first: whoever begins or ends a run of it waits for that row, so what is seen of its
    /// runs then holds until this is done.
    #[tracing::instrument(name = "store_sql.delete_conversation", skip_all, fields(%tenant, %owner))]
    async fn delete(
        &self,
        tenant: TenantId,
        owner: UserId,
        key: &ConversationKey,
        events: &[Event],
    ) -> Result<bool, DeleteRefused> {
        let row = diesel::delete(with_key(tenant, owner, key.to_string())).returning(conversations::id);
        let deletion = transaction!(self.0, |conn| {
            let Some(Stored(id)) = row.get_result(conn).await.optional()? else {
                return Ok(Deletion::Absent);
            };
            let its_runs = runs::table
                .filter(runs::tenant_id.eq(Stored(tenant)))
                .filter(runs::conversation_id.eq(Stored(id)));
            let live = diesel::select(exists(its_runs.filter(runs::ended_at.is_null())));
            if live.get_result(conn).await? {
                return Err(Undone::Answer(Deletion::RunIsLive));
            }
            let its_log = run_log::table
                .filter(run_log::tenant_id.eq(Stored(tenant)))
                .filter(run_log::run_id.eq_any(its_runs.select(runs::id)));
            diesel::delete(its_log).execute(conn).await?;
            let their_approvals = approvals::table
                .filter(approvals::tenant_id.eq(Stored(tenant)))
                .filter(approvals::run_id.eq_any(its_runs.select(runs::id)));
            diesel::delete(their_approvals).execute(conn).await?;
            diesel::delete(its_runs).execute(conn).await?;
            let its_messages = messages::table
                .filter(messages::tenant_id.eq(Stored(tenant)))
                .filter(messages::conversation_id.eq(Stored(id)));
            diesel::delete(its_messages).execute(conn).await?;
            conn.remove_words(id).await?;
            conn.announce(events).await?;
            Ok(Deletion::Done)
        })?;
        match deletion {
            Deletion::Done => Ok(true),
            Deletion::Absent => Ok(false),
            Deletion::RunIsLive => Err(DeleteRefused::RunIsLive),
        }
    }
}

enum Deletion {
    Done,
    Absent,
    RunIsLive,
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
