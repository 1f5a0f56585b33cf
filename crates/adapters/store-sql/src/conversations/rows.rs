//! Conversations and messages as rows.

use std::borrow::Cow;

use chancery_ambient::{Fault, Timestamp};
use chancery_conversations::{Conversation, Message, MessageStatus, Role};
use chancery_ids::{ConversationId, ConversationKey, MessageId, RunId, TenantId, UserId};
use diesel::prelude::*;

use crate::{
    codec::{self, Stored},
    schema::conversations::{conversations, messages},
};

/// Insertable without defaults: with them diesel would not keep the prepared statement.
#[derive(Queryable, Selectable, QueryableByName, Insertable)]
#[diesel(table_name = conversations, treat_none_as_default_value = false)]
pub(crate) struct ConversationRow {
    pub(crate) tenant_id: Stored<TenantId>,
    pub(crate) id: Stored<ConversationId>,
    pub(crate) owner_id: Stored<UserId>,
    pub(crate) key: String,
    pub(crate) display_name: Option<String>,
    pub(crate) agent_entrypoint: String,
    pub(crate) active_agent: String,
    pub(crate) message_count: i64,
    pub(crate) last_message_preview: String,
    pub(crate) created_at: Stored<Timestamp>,
    pub(crate) updated_at: Stored<Timestamp>,
}

impl TryFrom<ConversationRow> for Conversation {
    type Error = Fault;

    fn try_from(row: ConversationRow) -> Result<Self, Fault> {
        Ok(Self {
            id: row.id.0,
            key: ConversationKey::parse(row.key).map_err(Fault::corrupt)?,
            tenant: row.tenant_id.0,
            owner: row.owner_id.0,
            display_name: row.display_name,
            agent_entrypoint: row.agent_entrypoint,
            active_agent: row.active_agent,
            message_count: codec::count(row.message_count)?,
            last_message_preview: row.last_message_preview,
            created_at: row.created_at.0,
            updated_at: row.updated_at.0,
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = messages, treat_none_as_default_value = false)]
pub(crate) struct MessageRow {
    pub(crate) tenant_id: Stored<TenantId>,
    pub(crate) conversation_id: Stored<ConversationId>,
    pub(crate) position: i64,
    pub(crate) id: Stored<MessageId>,
    pub(crate) owner_id: Stored<UserId>,
    pub(crate) role: String,
    pub(crate) content: String,
    pub(crate) agent: Option<String>,
    pub(crate) run_id: Stored<RunId>,
    pub(crate) status: String,
    pub(crate) created_at: Stored<Timestamp>,
}

impl TryFrom<MessageRow> for Message {
    type Error = Fault;

    fn try_from(row: MessageRow) -> Result<Self, Fault> {
        const ROLES: [Role; 2] = [Role::User, Role::Assistant];
        const STATUSES: [MessageStatus; 3] = [
            MessageStatus::Pending,
            MessageStatus::Completed,
            MessageStatus::Incomplete,
        ];
        Ok(Self {
            id: row.id.0,
            position: codec::count(row.position)?,
            role: codec::named("messages.role", &ROLES, Role::as_str, &row.role)?,
            content: row.content,
            agent: row.agent,
            run: row.run_id.0,
            status: codec::named("messages.status", &STATUSES, MessageStatus::as_str, &row.status)?,
            created_at: row.created_at.0,
        })
    }
}

/// Text as a column can keep it. Postgres refuses NUL in text; a model may write one, and a run that could never be
/// finished for it would block its conversation for good.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}
