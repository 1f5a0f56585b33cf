//! Forgetting the logs of old runs.

use async_trait::async_trait;
use chancery_agents::RunLogSystemStore;
use chancery_ambient::{Fault, Timestamp};
use chancery_ids::{RunId, TenantId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::{SqlRuns, partitions};
use crate::{
    codec::{self, Stored},
    database::{read, transaction},
    schema::agents::{run_log, runs},
};

#[async_trait]
impl RunLogSystemStore for SqlRuns {
    #[tracing::instrument(name = "store_sql.count_old_logs", skip_all)]
    async fn count_old_logs(&self, before: Timestamp) -> Result<u64, Fault> {
        let count: i64 = read!(self.0, |conn| old_logs(before).count().get_result(conn).await)?;
        codec::count(count)
    }

    #[tracing::instrument(name = "store_sql.forget_old_logs", skip_all)]
    async fn forget_old_logs(&self, before: Timestamp, limit: u16) -> Result<u64, Fault> {
        let droppable = partitions::droppable_below(&self.0, before).await?;
        let oldest = old_logs(before)
            .order(runs::ended_at)
            .limit(i64::from(limit))
            .select((runs::tenant_id, runs::id));
        let forgotten = transaction!(self.0, |conn| {
            let old: Vec<(Stored<TenantId>, Stored<RunId>)> = oldest.load(conn).await?;
            for (tenant, run) in &old {
                // What goes with its whole partition is not deleted before.
                if droppable.is_none_or(|below| run.0.as_uuid() >= below) {
                    let log = run_log::table
                        .filter(run_log::tenant_id.eq(*tenant))
                        .filter(run_log::run_id.eq(*run));
                    diesel::delete(log).execute(conn).await?;
                }
                diesel::update(runs::table.find((*tenant, *run)))
                    .set(runs::log_forgotten.eq(true))
                    .execute(conn)
                    .await?;
            }
            Ok(old.len())
        })?;
        if forgotten < usize::from(limit) {
            partitions::drop_forgotten(&self.0, before).await?;
        }
        u64::try_from(forgotten).map_err(Fault::corrupt)
    }

    #[tracing::instrument(name = "store_sql.make_room_for_logs", skip_all)]
    async fn make_room(&self, now: Timestamp) -> Result<(), Fault> {
        partitions::make(&self.0, now).await
    }
}

/// Runs that ended before `before` and have a log.
#[diesel::dsl::auto_type]
fn old_logs(before: Timestamp) -> _ {
    let before: Stored<Timestamp> = Stored(before);
    runs::table
        .filter(runs::ended_at.is_not_null())
        .filter(diesel::dsl::not(runs::log_forgotten))
        .filter(runs::ended_at.lt(before))
}
