//! Runs and their log as rows.

use std::io::Write;

use chancery_agents::{NewRun, Run, RunEvent, RunStatus};
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Used;
use chancery_ids::{ApprovalId, ConversationId, ConversationKey, RunId, TenantId, UserId};
use diesel::{
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::{Pg, PgValue},
    prelude::*,
    serialize::{self, IsNull, Output, ToSql},
    sql_types::{Json as JsonText, Text},
    sqlite::Sqlite,
};
use serde_json::Value;

use crate::{
    codec::{self, Stored},
    schema::agents::{run_log, runs},
};

/// Insertable without defaults: with them diesel would not keep the prepared statement.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = runs, treat_none_as_default_value = false)]
pub(super) struct RunRow {
    tenant_id: Stored<TenantId>,
    id: Stored<RunId>,
    owner_id: Stored<UserId>,
    conversation_id: Stored<ConversationId>,
    conversation_key: String,
    user_position: i64,
    entry_agent: String,
    active_agent: String,
    status: String,
    epoch: i64,
    lease_until: Stored<Timestamp>,
    ids_until: i64,
    cancel_requested: bool,
    started_at: Stored<Timestamp>,
    ended_at: Option<Stored<Timestamp>>,
    approval_id: Option<Stored<ApprovalId>>,
    used: Option<Stored<Value>>,
    log_forgotten: bool,
}

impl RunRow {
    /// A run as it begins.
    pub(super) fn new(run: &NewRun, conversation: ConversationId, user_position: i64) -> Result<Self, Fault> {
        Ok(Self {
            tenant_id: Stored(run.tenant),
            id: Stored(run.id),
            owner_id: Stored(run.owner),
            conversation_id: Stored(conversation),
            conversation_key: run.conversation_key.as_str().to_owned(),
            user_position,
            entry_agent: run.entry_agent.clone(),
            active_agent: run.entry_agent.clone(),
            status: RunStatus::Running.as_str().to_owned(),
            epoch: 1,
            lease_until: Stored(run.lease_until),
            ids_until: codec::big_int(run.ids_until)?,
            cancel_requested: false,
            started_at: Stored(run.at),
            ended_at: None,
            approval_id: None,
            used: None,
            log_forgotten: false,
        })
    }
}

impl TryFrom<RunRow> for Run {
    type Error = Fault;

    fn try_from(row: RunRow) -> Result<Self, Fault> {
        const STATUSES: [RunStatus; 4] = [
            RunStatus::Running,
            RunStatus::Completed,
            RunStatus::Failed,
            RunStatus::Cancelled,
        ];
        let status = codec::named("runs.status", &STATUSES, RunStatus::as_str, &row.status)?;
        Ok(Self {
            id: row.id.0,
            tenant: row.tenant_id.0,
            owner: row.owner_id.0,
            conversation: row.conversation_id.0,
            conversation_key: ConversationKey::parse(row.conversation_key).map_err(Fault::corrupt)?,
            entry_agent: row.entry_agent,
            active_agent: row.active_agent,
            // A run that waits is stored as running, with what it waits for.
            status: if row.approval_id.is_some() {
                RunStatus::AwaitingApproval
            } else {
                status
            },
            approval: row.approval_id.map(|id| id.0),
            epoch: codec::count(row.epoch)?,
            lease_until: row.lease_until.0,
            ids_until: codec::count(row.ids_until)?,
            cancel_requested: row.cancel_requested,
            used: match row.used {
                Some(Stored(used)) => serde_json::from_value(used).map_err(Fault::corrupt)?,
                None => Vec::new(),
            },
            log_forgotten: row.log_forgotten,
            started_at: row.started_at.0,
            ended_at: row.ended_at.map(|at| at.0),
        })
    }
}

/// What a run has used, as its row keeps it.
pub(super) fn stored_use(used: &[Used]) -> Result<Option<Stored<Value>>, Fault> {
    let used = serde_json::to_value(used).map_err(Fault::corrupt)?;
    Ok(Some(Stored(used)))
}

/// What one flush adds to the log.
#[derive(Insertable)]
#[diesel(table_name = run_log, treat_none_as_default_value = false)]
pub(super) struct LogRow {
    tenant_id: Stored<TenantId>,
    run_id: Stored<RunId>,
    pub(super) last_id: i64,
    events: StoredEvents,
}

impl LogRow {
    /// `None` when there are no events.
    pub(super) fn new(tenant: TenantId, run: RunId, events: &[RunEvent]) -> Result<Option<Self>, Fault> {
        let Some(last) = events.last() else {
            return Ok(None);
        };
        Ok(Some(Self {
            tenant_id: Stored(tenant),
            run_id: Stored(run),
            last_id: codec::big_int(last.id)?,
            events: StoredEvents(serde_json::to_string(events).map_err(Fault::corrupt)?),
        }))
    }
}

/// The events of a flush as JSON. Kept as text on the way, so that writing and reading builds no tree of it.
#[derive(Debug, AsExpression, FromSqlRow)]
#[diesel(sql_type = JsonText)]
pub(super) struct StoredEvents(String);

impl StoredEvents {
    /// The events.
    pub(super) fn read(&self) -> Result<Vec<RunEvent>, Fault> {
        serde_json::from_str(&self.0).map_err(Fault::corrupt)
    }
}

impl ToSql<JsonText, Pg> for StoredEvents {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<JsonText, Pg> for StoredEvents {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(std::str::from_utf8(value.as_bytes())?.to_owned()))
    }
}

impl ToSql<JsonText, Sqlite> for StoredEvents {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        ToSql::<Text, Sqlite>::to_sql(&self.0, out)
    }
}

impl FromSql<JsonText, Sqlite> for StoredEvents {
    fn from_sql(value: <Sqlite as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <String as FromSql<Text, Sqlite>>::from_sql(value).map(Self)
    }
}
