//! A run that has to wait.

use chancery_agents::{Approval, Pause};
use chancery_ambient::Fault;
use chancery_events::Event;
use chancery_ids::{RunId, TenantId, UserId};
use diesel::{dsl::exists, prelude::*};
use diesel_async::RunQueryDsl;

use super::{
    approvals::ApprovalRow,
    live_of_epoch,
    log::{AppendLog, LogRow},
    no_lower_than,
    rows::stored_use,
};
use crate::{
    Database,
    codec::{self, Stored},
    database::transaction,
    outbox::Announce,
    schema::agents::{approvals, runs},
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
    let log = LogRow::of(tenant, run, &pause.events)?;
    let used = stored_use(&pause.used)?;
    let last_id = LogRow::last_id(&log);
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
        conn.append_log(log).await?;
        conn.announce(events).await?;
        Ok(true)
    })
}
