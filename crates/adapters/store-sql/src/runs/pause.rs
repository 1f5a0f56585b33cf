//! A run that has to wait.

use chancery_agents::{Approval, Pause};
use chancery_ambient::Fault;
use chancery_events::Event;
use chancery_ids::{RunId, TenantId, UserId};
use diesel::{dsl::exists, prelude::*};
use diesel_async::RunQueryDsl;

use super::{
    approvals::ApprovalRow,
    live_of_epoch, no_lower_than,
    rows::{LogRow, stored_use},
};
use crate::{
    Database,
    codec::{self, Stored},
    database::transaction,
    outbox::Announce,
    schema::agents::{approvals, run_log, runs},
};

pub(super) async fn pause(
    database: &Database,
    (tenant, run): (TenantId, RunId),
    epoch: u64,
    pause: &Pause,
    events: &[Event],
) -> Result<bool, Fault> {
    let live = live_of_epoch(tenant, run, codec::big_int(epoch)?);
    let Approval { id, expires_at, .. } = pause.approval;
    let log = LogRow::new(tenant, run, &pause.events)?;
    let used = stored_use(&pause.used)?;
    let last_id = log.as_ref().map_or(0, |log| log.last_id);
    transaction!(database, |conn| {
        let paused = diesel::update(live)
            .set((
                runs::approval_id.eq(Some(Stored(id))),
                runs::active_agent.eq(&pause.active_agent),
                runs::ids_until.eq(no_lower_than(last_id)),
                runs::lease_until.eq(Stored(expires_at)),
                runs::used.eq(used),
            ))
            .returning(runs::owner_id)
            .get_result::<Stored<UserId>>(conn)
            .await
            .optional()?;
        let Some(Stored(owner)) = paused else {
            // The same pause may have been stored, and its answer lost.
            let before = approvals::table.find((Stored(tenant), Stored(id)));
            return diesel::select(exists(before))
                .get_result(conn)
                .await
                .map_err(Into::into);
        };
        diesel::insert_into(approvals::table)
            .values(ApprovalRow::new(tenant, owner, pause))
            .execute(conn)
            .await?;
        if let Some(log) = log {
            diesel::insert_into(run_log::table)
                .values(log)
                .on_conflict_do_nothing()
                .execute(conn)
                .await?;
        }
        conn.announce(events).await?;
        Ok(true)
    })
}
