//! Runs and their log.

mod approvals;
mod begin;
mod claims;
mod finish;
mod forgetting;
mod log;
mod partitions;
mod pause;
mod rows;

use async_trait::async_trait;
use chancery_agents::{
    Begun, Finish, Flush, Flushed, NewRun, Pause, Run, RunEvent, RunStore, RunSystemStore,
};
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::{ConversationId, RunId, TenantId, UserId};
use diesel::{
    dsl::{self, case_when},
    prelude::*,
    sql_types::BigInt,
};
use diesel_async::RunQueryDsl;

use self::{
    log::{AppendLog, LogRow},
    rows::{RunRow, stored_use},
};
use crate::{
    Database,
    codec::{self, Stored},
    database::{read, transaction, write_one},
    schema::agents::{idempotency_keys, runs},
};

/// [`RunStore`], [`RunSystemStore`] and [`chancery_agents::ApprovalStore`] on either engine.
pub struct SqlRuns(Database);

impl SqlRuns {
    /// The runs in `database`.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

#[async_trait]
impl RunStore for SqlRuns {
    #[tracing::instrument(name = "store_sql.begin_run", skip_all, fields(tenant = %run.tenant, run = %run.id))]
    async fn begin(&self, run: &NewRun) -> Result<Begun, Fault> {
        begin::begin(&self.0, run).await
    }

    #[tracing::instrument(name = "store_sql.flush_run", skip_all, fields(%tenant, %run))]
    async fn flush(&self, tenant: TenantId, run: RunId, epoch: u64, flush: &Flush) -> Result<Flushed, Fault> {
        let live = live_of_epoch(tenant, run, codec::big_int(epoch)?);
        let ids_until = codec::big_int(flush.ids_until)?;
        let log = LogRow::of(tenant, run, &flush.events)?;
        let used = flush.used.as_deref().map(stored_use).transpose()?;
        transaction!(self.0, |conn| {
            let renewed = diesel::update(live)
                .set((
                    runs::ids_until.eq(no_lower_than(ids_until)),
                    runs::active_agent.eq(&flush.active_agent),
                    runs::lease_until.eq(Stored(flush.lease_until)),
                    used.map(|used| runs::used.eq(used)),
                ))
                .returning(runs::cancel_requested)
                .get_result(conn)
                .await
                .optional()?;
            let Some(cancel_requested) = renewed else {
                return Ok(Flushed::Lost);
            };
            conn.append_log(log).await?;
            Ok(Flushed::Kept { cancel_requested })
        })
    }

    #[tracing::instrument(name = "store_sql.finish_run", skip_all, fields(%tenant, %run))]
    async fn finish(
        &self,
        tenant: TenantId,
        run: RunId,
        epoch: u64,
        finish: &Finish,
        events: &[Event],
    ) -> Result<bool, Fault> {
        finish::finish(&self.0, tenant, run, epoch, finish, events).await
    }

    #[tracing::instrument(name = "store_sql.pause_run", skip_all, fields(%tenant, %run))]
    async fn pause(
        &self,
        tenant: TenantId,
        run: RunId,
        epoch: u64,
        pause: &Pause,
        events: &[Event],
    ) -> Result<bool, Fault> {
        pause::pause(&self.0, (tenant, run), epoch, pause, events).await
    }

    #[tracing::instrument(name = "store_sql.take_over_run", skip_all, fields(%tenant, %run))]
    async fn take_over(
        &self,
        tenant: TenantId,
        run: RunId,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Run>, Fault> {
        let abandoned = runs::table
            .find((Stored(tenant), Stored(run)))
            .filter(runs::ended_at.is_null())
            .filter(runs::approval_id.is_null())
            .filter(runs::lease_until.lt(Stored(now)));
        let take = diesel::update(abandoned).set((
            runs::epoch.eq(runs::epoch + 1),
            runs::lease_until.eq(Stored(lease_until)),
        ));
        let taken = write_one!(self.0, |conn| take
            .returning(RunRow::as_returning())
            .get_result(conn)
            .await
            .optional())?;
        taken.map(Run::try_from).transpose()
    }

    #[tracing::instrument(name = "store_sql.find_run", skip_all, fields(%tenant, %owner, %run))]
    async fn find(&self, tenant: TenantId, owner: UserId, run: RunId) -> Result<Option<Run>, Fault> {
        let it = runs::table
            .find((Stored(tenant), Stored(run)))
            .filter(runs::owner_id.eq(Stored(owner)));
        let row = read!(self.0, |conn| it
            .select(RunRow::as_select())
            .first(conn)
            .await
            .optional())?;
        row.map(Run::try_from).transpose()
    }

    #[tracing::instrument(name = "store_sql.read_run_log", skip_all, fields(%tenant, %run))]
    async fn read_log(
        &self,
        tenant: TenantId,
        run: RunId,
        after: u64,
        limit: u16,
    ) -> Result<Vec<RunEvent>, Fault> {
        log::read_log(&self.0, (tenant, run), after, limit).await
    }

    /// By the position of the message they answer: ids are drawn by clocks that may differ.
    #[tracing::instrument(name = "store_sql.list_runs", skip_all, fields(%tenant, %conversation))]
    async fn list_of_conversation(
        &self,
        tenant: TenantId,
        conversation: ConversationId,
        after: Option<RunId>,
        limit: u16,
    ) -> Result<Vec<Run>, Fault> {
        let all = runs::table
            .filter(runs::tenant_id.eq(Stored(tenant)))
            .filter(runs::conversation_id.eq(Stored(conversation)));
        let rows = read!(self.0, |conn| {
            let mut from = -1;
            if let Some(after) = after {
                let place = all.filter(runs::id.eq(Stored(after))).select(runs::user_position);
                let Some(position) = place.first(conn).await.optional()? else {
                    return Ok(Vec::new());
                };
                from = position;
            }
            all.filter(runs::user_position.gt(from))
                .order(runs::user_position)
                .limit(i64::from(limit))
                .select(RunRow::as_select())
                .load(conn)
                .await
        })?;
        rows.into_iter().map(Run::try_from).collect()
    }

    #[tracing::instrument(name = "store_sql.request_cancel", skip_all, fields(%tenant, %owner, %run))]
    async fn request_cancel(
        &self,
        tenant: TenantId,
        owner: UserId,
        run: RunId,
    ) -> Result<Option<Run>, Fault> {
        let live = runs::table
            .find((Stored(tenant), Stored(run)))
            .filter(runs::owner_id.eq(Stored(owner)))
            .filter(runs::ended_at.is_null());
        let request = diesel::update(live).set(runs::cancel_requested.eq(true));
        let asked = write_one!(self.0, |conn| request
            .returning(RunRow::as_returning())
            .get_result(conn)
            .await
            .optional())?;
        match asked {
            Some(row) => Run::try_from(row).map(Some),
            None => self.find(tenant, owner, run).await,
        }
    }
}

#[async_trait]
impl RunSystemStore for SqlRuns {
    #[tracing::instrument(name = "store_sql.list_abandoned_runs", skip_all)]
    async fn list_abandoned(
        &self,
        leases_before: Timestamp,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<Run>, Fault> {
        let worked_on = runs::approval_id
            .is_null()
            .and(runs::lease_until.lt(Stored(leases_before)));
        let waiting = runs::approval_id
            .is_not_null()
            .and(runs::lease_until.lt(Stored(now)));
        let abandoned = runs::table
            .filter(runs::ended_at.is_null())
            .filter(worked_on.or(waiting))
            .order(runs::lease_until)
            .limit(i64::from(limit));
        let rows = read!(self.0, |conn| abandoned
            .select(RunRow::as_select())
            .load(conn)
            .await)?;
        rows.into_iter().map(Run::try_from).collect()
    }

    #[tracing::instrument(name = "store_sql.list_runs_to_stop", skip_all)]
    async fn list_to_stop(&self, limit: u16) -> Result<Vec<RunId>, Fault> {
        // As the index has it: a bound parameter would keep it from being used.
        let asked = runs::table
            .filter(runs::cancel_requested)
            .filter(runs::ended_at.is_null())
            .filter(runs::approval_id.is_null())
            .select(runs::id)
            .limit(i64::from(limit));
        let ids: Vec<Stored<RunId>> = read!(self.0, |conn| asked.load(conn).await)?;
        Ok(ids.into_iter().map(|Stored(id)| id).collect())
    }

    #[tracing::instrument(name = "store_sql.prune_claims", skip_all)]
    async fn prune_claims(&self, before: Timestamp) -> Result<u64, Fault> {
        let old = idempotency_keys::table.filter(idempotency_keys::created_at.lt(Stored(before)));
        let pruned = write_one!(self.0, |conn| diesel::delete(old).execute(conn).await)?;
        u64::try_from(pruned).map_err(Fault::corrupt)
    }
}

/// The run, if it is worked on and nobody has taken it over since `epoch` began.
#[diesel::dsl::auto_type]
fn live_of_epoch(tenant: TenantId, run: RunId, epoch: i64) -> _ {
    let tenant: Stored<TenantId> = Stored(tenant);
    let run: Stored<RunId> = Stored(run);
    runs::table
        .filter(runs::tenant_id.eq(tenant))
        .filter(runs::id.eq(run))
        .filter(runs::epoch.eq(epoch))
        .filter(runs::ended_at.is_null())
        .filter(runs::approval_id.is_null())
}

/// The ids reserved so far, or `ids` when that is more.
fn no_lower_than(ids: i64) -> NoLowerThan {
    case_when(runs::ids_until.lt(ids), ids.into_sql::<BigInt>()).otherwise(runs::ids_until)
}

type NoLowerThan = dsl::Otherwise<
    dsl::case_when<dsl::Lt<runs::ids_until, i64>, dsl::AsExprOf<i64, BigInt>, BigInt>,
    runs::ids_until,
>;
