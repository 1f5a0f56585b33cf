//! Runs as rows.

use chancery_agents::{NewRun, Run, RunStatus};
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Used;
use chancery_ids::{ApprovalId, ConversationId, ConversationKey, RunId, TenantId, UserId};
use diesel::prelude::*;
use serde_json::Value;

use crate::{
    codec::{self, Stored},
    schema::agents::runs,
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
