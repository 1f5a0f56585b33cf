//! Revocations, and the epochs and sessions they go with.

use async_trait::async_trait;
use chancery_access::Subject;
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::RevocationId;
use chancery_tokens::{
    EndReason, FeedMark, Raised, Revocation, RevocationOrder, RevocationSystemStore, Revoked, TokenMarks,
    Whose,
};
use diesel::{dsl::max, prelude::*, sql_types::BigInt};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::{
    Database,
    codec::{self, Stored},
    database::{read, transaction},
    fault::Undone,
    outbox::Announce,
    refresh_families::name_of,
    schema::{
        accounts::{service_account_epochs, tenants, users},
        registry::apps,
        tokens::{refresh_families, revocations},
    },
    sqlite::Sqlite,
};

/// [`RevocationSystemStore`] on either engine.
pub struct SqlRevocations(Database);

impl SqlRevocations {
    /// The revocations in `database`.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

#[async_trait]
impl RevocationSystemStore for SqlRevocations {
    #[tracing::instrument(name = "store_sql.revoke", skip_all)]
    async fn revoke(&self, revoked: &[Revocation], events: &[Event]) -> Result<(), Fault> {
        let rows: Vec<_> = revoked
            .iter()
            .map(RevocationRow::try_from)
            .collect::<Result<_, _>>()?;
        transaction!(self.0, |conn| {
            for row in rows {
                conn.add_revocation(row).await?;
            }
            conn.announce(events).await?;
            Ok(())
        })
    }

    #[tracing::instrument(name = "store_sql.revoke_all_of", skip_all)]
    async fn revoke_all_of(
        &self,
        whose: &Whose,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<Option<Raised>, Fault> {
        let whose = whose.clone();
        let raised = transaction!(self.0, |conn| {
            let epoch: Option<i64> = match &whose {
                Whose::Subject(Subject::Person(user)) => diesel::update(users::table.find(Stored(*user)))
                    .set(users::token_epoch.eq(users::token_epoch + 1))
                    .returning(users::token_epoch)
                    .get_result(conn)
                    .await
                    .optional()?,
                // Any account may be named: the catalogue is not in the database.
                Whose::Subject(Subject::ServiceAccount(account)) => {
                    diesel::insert_into(service_account_epochs::table)
                        .values((
                            service_account_epochs::account.eq(account),
                            service_account_epochs::token_epoch.eq(1),
                        ))
                        .on_conflict(service_account_epochs::account)
                        .do_update()
                        .set(service_account_epochs::token_epoch.eq(service_account_epochs::token_epoch + 1))
                        .returning(service_account_epochs::token_epoch)
                        .get_result(conn)
                        .await
                        .optional()?
                }
                Whose::Subject(Subject::App(app)) => diesel::update(apps::table.find(app.to_string()))
                    .set(apps::token_epoch.eq(apps::token_epoch + 1))
                    .returning(apps::token_epoch)
                    .get_result(conn)
                    .await
                    .optional()?,
                Whose::Tenant(tenant) => diesel::update(tenants::table.find(Stored(*tenant)))
                    .set(tenants::token_epoch.eq(tenants::token_epoch + 1))
                    .returning(tenants::token_epoch)
                    .get_result(conn)
                    .await
                    .optional()?,
            };
            let Some(epoch) = epoch else {
                return Err(Undone::Answer(None));
            };
            let live = refresh_families::table.filter(refresh_families::ended_at.is_null());
            let end = (
                refresh_families::ended_at.eq(Stored(order.at)),
                refresh_families::end_reason.eq(name_of(EndReason::Revoked)),
            );
            let sessions = match &whose {
                Whose::Subject(subject) => {
                    let theirs = live.filter(refresh_families::subject.eq(subject.to_string()));
                    diesel::update(theirs).set(end).execute(conn).await?
                }
                Whose::Tenant(tenant) => {
                    let theirs = live.filter(refresh_families::tenant_id.eq(Stored(*tenant)));
                    diesel::update(theirs).set(end).execute(conn).await?
                }
            };
            conn.add_revocation(RevocationRow::raised(&whose, order, epoch))
                .await?;
            conn.announce(events).await?;
            Ok(Some((epoch, sessions)))
        })?;
        let Some((epoch, sessions)) = raised else {
            return Ok(None);
        };
        Ok(Some(Raised {
            epoch: codec::count(epoch)?,
            sessions: u64::try_from(sessions).map_err(Fault::corrupt)?,
        }))
    }

    #[tracing::instrument(name = "store_sql.revoke_signed_by", skip_all)]
    async fn revoke_signed_by(
        &self,
        kid: &str,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<u64, Fault> {
        let live = refresh_families::table
            .filter(refresh_families::signing_kid.eq(kid.to_owned()))
            .filter(refresh_families::ended_at.is_null());
        let row = RevocationRow::try_from(&order.of(Revoked::Key(kid.to_owned())))?;
        let ended = transaction!(self.0, |conn| {
            let end = (
                refresh_families::ended_at.eq(Stored(order.at)),
                refresh_families::end_reason.eq(name_of(EndReason::Compromise)),
            );
            let ended = diesel::update(live).set(end).execute(conn).await?;
            conn.add_revocation(row).await?;
            conn.announce(events).await?;
            Ok(ended)
        })?;
        u64::try_from(ended).map_err(Fault::corrupt)
    }

    #[tracing::instrument(name = "store_sql.read_revocations", skip_all)]
    async fn read_since(&self, mark: FeedMark) -> Result<(Vec<Revocation>, FeedMark), Fault> {
        // The mark first: whatever commits between the two statements is read twice, and nothing is passed over.
        let (next, rows) = read!(self.0, |conn| {
            let next = conn.next_mark().await?;
            let rows = revocations::table
                .filter(revocations::position.ge(mark.0))
                .select(RevocationRow::as_select())
                .load(conn)
                .await?;
            Ok((next, rows))
        })?;
        let read: Result<Vec<_>, _> = rows.into_iter().map(Revocation::try_from).collect();
        Ok((read?, FeedMark(next)))
    }

    #[tracing::instrument(name = "store_sql.is_revoked", skip_all)]
    async fn is_revoked(&self, marks: &TokenMarks) -> Result<bool, Fault> {
        let mut targets = vec![marks.token.to_string(), marks.kid.clone()];
        targets.extend(marks.parties().map(|(party, _)| party.to_string()));
        targets.extend(marks.session.map(|session| session.to_string()));
        targets.extend(marks.tenant.map(|(tenant, _)| tenant.to_string()));
        let candidates = revocations::table
            .filter(revocations::kind.eq_any(KINDS))
            .filter(revocations::target.eq_any(targets));
        let rows = read!(self.0, |conn| candidates
            .select(RevocationRow::as_select())
            .load(conn)
            .await)?;
        for row in rows {
            if marks.are_hit_by(&Revocation::try_from(row)?.target) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[tracing::instrument(name = "store_sql.prune_revocations", skip_all)]
    async fn prune(&self, now: Timestamp) -> Result<u64, Fault> {
        // The newest stays: SQLite counts on from it.
        let pruned = transaction!(self.0, |conn| {
            let newest: Option<i64> = revocations::table
                .select(max(revocations::position))
                .get_result(conn)
                .await?;
            let expired = revocations::table
                .filter(revocations::expires_at.le(Stored(now)))
                .filter(revocations::position.lt(newest.unwrap_or(0)));
            Ok(diesel::delete(expired).execute(conn).await?)
        })?;
        u64::try_from(pruned).map_err(Fault::corrupt)
    }
}

/// Writes a revocation, inside the transaction of the change that causes it.
pub(crate) trait AddRevocation {
    async fn add_revocation(&mut self, row: RevocationRow) -> QueryResult<()>;
}

impl AddRevocation for Sqlite {
    /// The transaction holds the write lock: nobody else counts on from the same row.
    async fn add_revocation(&mut self, row: RevocationRow) -> QueryResult<()> {
        let newest: Option<i64> = revocations::table
            .select(max(revocations::position))
            .get_result(self)
            .await?;
        diesel::insert_into(revocations::table)
            .values((row, revocations::position.eq(newest.unwrap_or(0) + 1)))
            .execute(self)
            .await
            .map(drop)
    }
}

impl AddRevocation for AsyncPgConnection {
    /// The position is the transaction's own number.
    async fn add_revocation(&mut self, row: RevocationRow) -> QueryResult<()> {
        diesel::insert_into(revocations::table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(self)
            .await
            .map(drop)
    }
}

/// From where the next read has to go on.
trait NextMark {
    async fn next_mark(&mut self) -> QueryResult<i64>;
}

impl NextMark for Sqlite {
    async fn next_mark(&mut self) -> QueryResult<i64> {
        let newest: Option<i64> = revocations::table
            .select(max(revocations::position))
            .get_result(self)
            .await?;
        Ok(newest.unwrap_or(0) + 1)
    }
}

impl NextMark for AsyncPgConnection {
    /// The oldest transaction that is still open: every row of an earlier one can be seen by now, or never will be.
    async fn next_mark(&mut self) -> QueryResult<i64> {
        diesel::select(diesel::dsl::sql::<BigInt>(
            "pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
        ))
        .get_result(self)
        .await
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = revocations)]
pub(crate) struct RevocationRow {
    id: Stored<RevocationId>,
    kind: String,
    target: String,
    epoch: Option<i64>,
    at: Stored<Timestamp>,
    expires_at: Stored<Timestamp>,
}

const TOKEN: &str = "token";
const SESSION: &str = "session";
const SUBJECT: &str = "subject";
const TENANT: &str = "tenant";
const KEY: &str = "key";
const KINDS: [&str; 5] = [TOKEN, SESSION, SUBJECT, TENANT, KEY];

impl RevocationRow {
    /// The revocation of everything before an epoch that the database has just given.
    pub(crate) fn raised(whose: &Whose, order: RevocationOrder, epoch: i64) -> Self {
        let (kind, target) = match whose {
            Whose::Subject(subject) => (SUBJECT, subject.to_string()),
            Whose::Tenant(tenant) => (TENANT, tenant.to_string()),
        };
        Self {
            id: Stored(order.id),
            kind: kind.to_owned(),
            target,
            epoch: Some(epoch),
            at: Stored(order.at),
            expires_at: Stored(order.expires_at),
        }
    }
}

impl TryFrom<&Revocation> for RevocationRow {
    type Error = Fault;

    fn try_from(revocation: &Revocation) -> Result<Self, Fault> {
        let (kind, target, epoch) = match &revocation.target {
            Revoked::Token(token) => (TOKEN, token.to_string(), None),
            Revoked::Session(session) => (SESSION, session.to_string(), None),
            Revoked::Subject(subject, epoch) => (SUBJECT, subject.to_string(), Some(*epoch)),
            Revoked::Tenant(tenant, epoch) => (TENANT, tenant.to_string(), Some(*epoch)),
            Revoked::Key(kid) => (KEY, kid.clone(), None),
        };
        Ok(Self {
            id: Stored(revocation.id),
            kind: kind.to_owned(),
            target,
            epoch: epoch.map(codec::big_int).transpose()?,
            at: Stored(revocation.at),
            expires_at: Stored(revocation.expires_at),
        })
    }
}

impl TryFrom<RevocationRow> for Revocation {
    type Error = Fault;

    fn try_from(row: RevocationRow) -> Result<Self, Fault> {
        let epoch = row.epoch.map(codec::count).transpose()?;
        let target = match (row.kind.as_str(), epoch) {
            (TOKEN, None) => Revoked::Token(row.target.parse().map_err(Fault::corrupt)?),
            (SESSION, None) => Revoked::Session(row.target.parse().map_err(Fault::corrupt)?),
            (SUBJECT, Some(epoch)) => Revoked::Subject(row.target.parse().map_err(Fault::corrupt)?, epoch),
            (TENANT, Some(epoch)) => Revoked::Tenant(row.target.parse().map_err(Fault::corrupt)?, epoch),
            (KEY, None) => Revoked::Key(row.target),
            (other, _) => return Err(Fault::corrupt(format!("a revocation of the kind {other:?}"))),
        };
        Ok(Self {
            id: row.id.0,
            target,
            at: row.at.0,
            expires_at: row.expires_at.0,
        })
    }
}
