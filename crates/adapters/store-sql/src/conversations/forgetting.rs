//! Deleting conversations that nobody has changed for long.

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_conversations::ConversationSystemStore;
use chancery_events::Event;
use chancery_ids::{ConversationId, TenantId};
use diesel::{
    dsl::{exists, not, sql},
    expression::SqlLiteral,
    prelude::*,
    sql_types::Bool,
};
use diesel_async::RunQueryDsl;

use super::{
    SqlConversations,
    removal::{Removal, Removed},
};
use crate::{
    codec::{self, Stored},
    database::{read, transaction},
    outbox::Announce,
    schema::{agents::runs, conversations::conversations},
};

#[async_trait]
impl ConversationSystemStore for SqlConversations {
    #[tracing::instrument(name = "store_sql.count_old_conversations", skip_all)]
    async fn count_old(&self, before: Timestamp) -> Result<u64, Fault> {
        let count: i64 = read!(self.0, |conn| old(before).count().get_result(conn).await)?;
        codec::count(count)
    }

    #[tracing::instrument(name = "store_sql.list_old_conversations", skip_all)]
    async fn list_old(
        &self,
        before: Timestamp,
        limit: u16,
    ) -> Result<Vec<(TenantId, ConversationId)>, Fault> {
        let oldest = old(before)
            .order(conversations::updated_at)
            .limit(limit.into())
            .select((conversations::tenant_id, conversations::id));
        let rows: Vec<(Stored<TenantId>, Stored<ConversationId>)> =
            read!(self.0, |conn| oldest.load(conn).await)?;
        Ok(rows.into_iter().map(|(tenant, id)| (tenant.0, id.0)).collect())
    }

    #[tracing::instrument(name = "store_sql.delete_old_conversation", skip_all, fields(%tenant, %conversation))]
    async fn delete_old(
        &self,
        tenant: TenantId,
        conversation: ConversationId,
        before: Timestamp,
        events: &[Event],
    ) -> Result<bool, Fault> {
        let row = diesel::delete(
            conversations::table
                .find((Stored(tenant), Stored(conversation)))
                .filter(conversations::updated_at.lt(Stored(before))),
        );
        let removed = transaction!(self.0, |conn| {
            if row.execute(conn).await? == 0 {
                return Ok(Removed::Absent);
            }
            conn.remove_messages(tenant, conversation, 0).await?;
            conn.announce(events).await?;
            Ok(Removed::Done)
        })?;
        Ok(matches!(removed, Removed::Done))
    }
}

/// Conversations that did not change since `before` and have no live run. All have messages: saying so, and not as a parameter,
/// is what lets the index by age be used, which stands for those alone.
#[diesel::dsl::auto_type]
fn old(before: Timestamp) -> _ {
    let before: Stored<Timestamp> = Stored(before);
    let has_messages: SqlLiteral<Bool> = sql("conversations.message_count > 0");
    let live = runs::table
        .filter(runs::tenant_id.eq(conversations::tenant_id))
        .filter(runs::conversation_id.eq(conversations::id))
        .filter(runs::ended_at.is_null());
    conversations::table
        .filter(has_messages)
        .filter(conversations::updated_at.lt(before))
        .filter(not(exists(live)))
}
