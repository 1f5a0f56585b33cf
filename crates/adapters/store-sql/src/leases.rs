//! Leases of replicas.

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_guards::Leases;
use chancery_ids::ReplicaId;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{Database, codec::Stored, database::transaction, schema::guards::leases};

/// [`Leases`] on either engine.
pub struct SqlLeases(Database);

impl SqlLeases {
    /// The leases in `database`.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

#[async_trait]
impl Leases for SqlLeases {
    #[tracing::instrument(name = "store_sql.hold_lease", skip_all, fields(name))]
    async fn hold(
        &self,
        name: &'static str,
        holder: ReplicaId,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, Fault> {
        let free = leases::table.find(name).filter(
            leases::until
                .lt(Stored(now))
                .or(leases::holder.eq(Stored(holder))),
        );
        let lease = (
            leases::name.eq(name),
            leases::holder.eq(Stored(holder)),
            leases::until.eq(Stored(until)),
        );
        let taken = transaction!(self.0, |conn| {
            let held = diesel::update(free)
                .set((leases::holder.eq(Stored(holder)), leases::until.eq(Stored(until))))
                .execute(conn)
                .await?;
            if held == 1 {
                return Ok(held);
            }
            // Nobody ever had it, or somebody has it.
            Ok(diesel::insert_into(leases::table)
                .values(lease)
                .on_conflict_do_nothing()
                .execute(conn)
                .await?)
        })?;
        Ok(taken == 1)
    }
}
