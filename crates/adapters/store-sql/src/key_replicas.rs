//! Which replicas are about, and which key each publishes.

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_auth_keys::{Acknowledgement, KeyReplicas, KeySetName};
use chancery_ids::ReplicaId;
use chancery_jose::KeyId;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    Database,
    codec::Stored,
    database::{read, transaction, write_one},
    schema::keys::key_replicas,
};

/// [`KeyReplicas`] on either engine.
pub struct SqlKeyReplicas(Database);

impl SqlKeyReplicas {
    /// The replicas over `database`.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

#[async_trait]
impl KeyReplicas for SqlKeyReplicas {
    #[tracing::instrument(name = "store_sql.acknowledge_key", skip_all, fields(%set, %replica))]
    async fn acknowledge(
        &self,
        set: KeySetName,
        replica: ReplicaId,
        kid: &KeyId,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let (name, kid) = (set.as_str(), kid.as_str().to_owned());
        transaction!(self.0, |conn| {
            // A replica writes its own row alone.
            let own = key_replicas::table.find((name, Stored(replica)));
            let same = diesel::update(own.filter(key_replicas::kid.eq(&kid)))
                .set(key_replicas::seen_at.eq(Stored(now)))
                .execute(conn)
                .await?;
            if same == 1 {
                return Ok(());
            }
            let other = diesel::update(own)
                .set((
                    key_replicas::kid.eq(&kid),
                    key_replicas::since.eq(Stored(now)),
                    key_replicas::seen_at.eq(Stored(now)),
                ))
                .execute(conn)
                .await?;
            if other == 0 {
                diesel::insert_into(key_replicas::table)
                    .values((
                        key_replicas::name.eq(name),
                        key_replicas::replica.eq(Stored(replica)),
                        key_replicas::kid.eq(&kid),
                        key_replicas::since.eq(Stored(Timestamp::EPOCH)),
                        key_replicas::seen_at.eq(Stored(now)),
                    ))
                    .execute(conn)
                    .await?;
            }
            Ok(())
        })
    }

    #[tracing::instrument(name = "store_sql.live_replicas", skip_all, fields(%set))]
    async fn live(&self, set: KeySetName, seen_since: Timestamp) -> Result<Vec<Acknowledgement>, Fault> {
        let live = key_replicas::table
            .filter(key_replicas::name.eq(set.as_str()))
            .filter(key_replicas::seen_at.ge(Stored(seen_since)))
            .select((key_replicas::replica, key_replicas::kid, key_replicas::since));
        let rows: Vec<(Stored<ReplicaId>, String, Stored<Timestamp>)> =
            read!(self.0, |conn| live.load(conn).await)?;
        let acknowledgement = |(replica, kid, since): (Stored<ReplicaId>, String, Stored<Timestamp>)| {
            Ok(Acknowledgement {
                replica: replica.0,
                kid: kid.parse().map_err(Fault::corrupt)?,
                since: since.0,
            })
        };
        rows.into_iter().map(acknowledgement).collect()
    }

    #[tracing::instrument(name = "store_sql.leave", skip_all, fields(%replica))]
    async fn leave(&self, replica: ReplicaId) -> Result<(), Fault> {
        let own = key_replicas::table.filter(key_replicas::replica.eq(Stored(replica)));
        write_one!(self.0, |conn| diesel::delete(own).execute(conn).await.map(drop))
    }
}
