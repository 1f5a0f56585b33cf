//! What runs wait for.

use async_trait::async_trait;
use chancery_agents::{Approval, ApprovalState, ApprovalStore, Pause, Run, Settled, Settlement};
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::{ApprovalId, ConversationKey, RunId, TenantId, UserId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{SqlRuns, rows::RunRow};
use crate::{
    codec::{self, Stored},
    conversations::storable,
    database::{read, transaction},
    outbox::Announce,
    schema::agents::{approvals, runs},
};

#[async_trait]
impl ApprovalStore for SqlRuns {
    #[tracing::instrument(name = "store_sql.find_approval", skip_all, fields(%tenant, %owner, %approval))]
    async fn find_approval(
        &self,
        tenant: TenantId,
        owner: UserId,
        approval: ApprovalId,
    ) -> Result<Option<Approval>, Fault> {
        let it = approvals::table
            .find((Stored(tenant), Stored(approval)))
            .filter(approvals::owner_id.eq(Stored(owner)));
        let row = read!(self.0, |conn| it
            .select(ApprovalRow::as_select())
            .first(conn)
            .await
            .optional())?;
        row.map(Approval::try_from).transpose()
    }

    #[tracing::instrument(name = "store_sql.list_pending_approvals", skip_all, fields(%tenant, %owner))]
    async fn list_pending(
        &self,
        tenant: TenantId,
        owner: UserId,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<Approval>, Fault> {
        let pending = approvals::table
            .filter(approvals::tenant_id.eq(Stored(tenant)))
            .filter(approvals::owner_id.eq(Stored(owner)))
            // Written out, so that the index of pending ones is used.
            .filter(approvals::state.eq(diesel::dsl::sql("'pending'")))
            .filter(approvals::expires_at.gt(Stored(now)))
            .order(approvals::id)
            .limit(i64::from(limit));
        let rows = read!(self.0, |conn| pending
            .select(ApprovalRow::as_select())
            .load(conn)
            .await)?;
        rows.into_iter().map(Approval::try_from).collect()
    }

    /// The update of the run decides who has it; the rest follows.
    #[tracing::instrument(name = "store_sql.settle_approval", skip_all, fields(%tenant, %owner, %approval))]
    async fn settle(
        &self,
        tenant: TenantId,
        owner: UserId,
        approval: ApprovalId,
        settlement: &Settlement,
        events: &[Event],
    ) -> Result<Settled, Fault> {
        let Settlement {
            decision,
            at,
            lease_until,
        } = settlement;
        let state = if decision.approved {
            ApprovalState::Approved
        } else {
            ApprovalState::Denied
        };
        let reason = decision.reason.as_deref().map(storable);
        let it = approvals::table.find((Stored(tenant), Stored(approval)));
        let own = it
            .filter(approvals::owner_id.eq(Stored(owner)))
            .filter(approvals::expires_at.gt(Stored(*at)))
            .select((approvals::run_id, approvals::checkpoint));
        let taken: Option<(RunRow, String)> = transaction!(self.0, |conn| {
            let found: Option<(Stored<RunId>, Option<String>)> = own.first(conn).await.optional()?;
            let Some((run, Some(checkpoint))) = found else {
                return Ok(None);
            };
            let waiting = waiting(tenant, run.0, approval).filter(runs::cancel_requested.eq(false));
            let resumed = diesel::update(waiting)
                .set(resume(*lease_until))
                .returning(RunRow::as_returning())
                .get_result(conn)
                .await
                .optional()?;
            let Some(resumed) = resumed else { return Ok(None) };
            diesel::update(it)
                .set((closed(state, *at), approvals::reason.eq(reason.as_deref())))
                .execute(conn)
                .await?;
            conn.announce(events).await?;
            Ok(Some((resumed, checkpoint)))
        })?;
        match taken {
            Some((run, checkpoint)) => Ok(Settled::Resumed(Box::new(run.try_into()?), checkpoint)),
            None => Ok(Settled::Closed),
        }
    }

    #[tracing::instrument(name = "store_sql.take_back_approval", skip_all, fields(%tenant, %approval))]
    async fn take_back(
        &self,
        tenant: TenantId,
        approval: ApprovalId,
        state: ApprovalState,
        at: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Run>, Fault> {
        let it = approvals::table.find((Stored(tenant), Stored(approval)));
        let taken: Option<RunRow> = transaction!(self.0, |conn| {
            let Some(Stored(run)) = it.select(approvals::run_id).first(conn).await.optional()? else {
                return Ok(None);
            };
            let resumed = diesel::update(waiting(tenant, run, approval))
                .set(resume(lease_until))
                .returning(RunRow::as_returning())
                .get_result(conn)
                .await
                .optional()?;
            if resumed.is_some() {
                diesel::update(it).set(closed(state, at)).execute(conn).await?;
            }
            Ok(resumed)
        })?;
        taken.map(Run::try_from).transpose()
    }
}

/// The run, while it waits for this.
#[diesel::dsl::auto_type]
fn waiting(tenant: TenantId, run: RunId, approval: ApprovalId) -> _ {
    let tenant: Stored<TenantId> = Stored(tenant);
    let run: Stored<RunId> = Stored(run);
    let approval: Stored<ApprovalId> = Stored(approval);
    runs::table
        .filter(runs::tenant_id.eq(tenant))
        .filter(runs::id.eq(run))
        .filter(runs::approval_id.eq(approval))
}

/// Whoever writes this has the run.
#[derive(AsChangeset)]
#[diesel(table_name = runs, treat_none_as_null = true)]
struct Resume {
    approval_id: Option<Stored<ApprovalId>>,
    lease_until: Stored<Timestamp>,
}

type Resumed = (
    Resume,
    diesel::dsl::Eq<runs::epoch, diesel::dsl::Add<runs::epoch, i64>>,
);

fn resume(lease_until: Timestamp) -> Resumed {
    let resume = Resume {
        approval_id: None,
        lease_until: Stored(lease_until),
    };
    (resume, runs::epoch.eq(runs::epoch + 1))
}

#[derive(AsChangeset)]
#[diesel(table_name = approvals, treat_none_as_null = true)]
struct Closed {
    state: &'static str,
    settled_at: Option<Stored<Timestamp>>,
    checkpoint: Option<String>,
}

const fn closed(state: ApprovalState, at: Timestamp) -> Closed {
    Closed {
        state: state.as_str(),
        settled_at: Some(Stored(at)),
        checkpoint: None,
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = approvals, treat_none_as_default_value = false)]
pub(super) struct ApprovalRow {
    tenant_id: Stored<TenantId>,
    id: Stored<ApprovalId>,
    owner_id: Stored<UserId>,
    run_id: Stored<RunId>,
    conversation_key: String,
    agent: String,
    tool: String,
    call_id: String,
    arguments: String,
    state: String,
    asked_at: Stored<Timestamp>,
    expires_at: Stored<Timestamp>,
    settled_at: Option<Stored<Timestamp>>,
    reason: Option<String>,
    checkpoint: Option<String>,
}

impl ApprovalRow {
    /// What a run begins to wait for.
    pub(super) fn new(tenant: TenantId, owner: UserId, pause: &Pause) -> Self {
        let approval = &pause.approval;
        Self {
            tenant_id: Stored(tenant),
            id: Stored(approval.id),
            owner_id: Stored(owner),
            run_id: Stored(approval.run),
            conversation_key: approval.conversation_key.to_string(),
            agent: approval.agent.clone(),
            tool: approval.tool.clone(),
            call_id: storable(&approval.call_id).into_owned(),
            arguments: storable(&approval.arguments).into_owned(),
            state: ApprovalState::Pending.as_str().to_owned(),
            asked_at: Stored(approval.asked_at),
            expires_at: Stored(approval.expires_at),
            settled_at: None,
            reason: None,
            checkpoint: Some(pause.checkpoint.clone()),
        }
    }
}

impl TryFrom<ApprovalRow> for Approval {
    type Error = Fault;

    fn try_from(row: ApprovalRow) -> Result<Self, Fault> {
        let states = &ApprovalState::ALL;
        Ok(Self {
            id: row.id.0,
            run: row.run_id.0,
            conversation_key: ConversationKey::parse(row.conversation_key).map_err(Fault::corrupt)?,
            agent: row.agent,
            tool: row.tool,
            call_id: row.call_id,
            arguments: row.arguments,
            state: codec::named("approvals.state", states, ApprovalState::as_str, &row.state)?,
            asked_at: row.asked_at.0,
            expires_at: row.expires_at.0,
            settled_at: row.settled_at.map(|at| at.0),
            reason: row.reason,
        })
    }
}
