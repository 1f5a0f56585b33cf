//! Links that are mailed.

use async_trait::async_trait;
use chancery_accounts::{EmailAddress, Link, LinkId, LinkKind, LinkSystemStore};
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::{TenantId, UserId};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::{
    Database,
    codec::Stored,
    database::{read, transaction, write_one},
    outbox::Announce,
    schema::accounts::mailed_links,
    sqlite::Sqlite,
};

/// [`LinkSystemStore`] on either engine.
pub struct SqlLinks(Database);

/// The most invitations that are listed.
const MOST_LISTED: i64 = 1000;

impl SqlLinks {
    /// The links in `database`.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

#[async_trait]
impl LinkSystemStore for SqlLinks {
    #[tracing::instrument(name = "store_sql.add_link", skip_all, fields(id = %link.id))]
    async fn add_link(&self, link: &Link, most: u16, events: &[Event]) -> Result<bool, Fault> {
        let row = LinkRow::from(link);
        transaction!(self.0, |conn| {
            let added = conn.add_link(&row, most).await?;
            if added {
                conn.announce(events).await?;
            }
            Ok(added)
        })
    }

    #[tracing::instrument(name = "store_sql.find_link", skip_all, fields(%id))]
    async fn find_link(&self, id: LinkId) -> Result<Option<Link>, Fault> {
        let found = read!(self.0, |conn| mailed_links::table
            .find(Stored(id))
            .select(LinkRow::as_select())
            .first(conn)
            .await
            .optional())?;
        found.map(Link::try_from).transpose()
    }

    #[tracing::instrument(name = "store_sql.list_invitations", skip_all, fields(%tenant))]
    async fn list_invitations(&self, tenant: TenantId) -> Result<Vec<Link>, Fault> {
        let own = mailed_links::table
            .filter(mailed_links::tenant_id.eq(Stored(tenant)))
            .order((mailed_links::created_at.desc(), mailed_links::id.desc()))
            .limit(MOST_LISTED);
        let rows = read!(self.0, |conn| own.select(LinkRow::as_select()).load(conn).await)?;
        rows.into_iter().map(Link::try_from).collect()
    }

    #[tracing::instrument(name = "store_sql.withdraw_invitation", skip_all, fields(%tenant, %id))]
    async fn withdraw_invitation(
        &self,
        tenant: TenantId,
        id: LinkId,
        events: &[Event],
    ) -> Result<bool, Fault> {
        let own = mailed_links::table
            .find(Stored(id))
            .filter(mailed_links::tenant_id.eq(Stored(tenant)));
        transaction!(self.0, |conn| {
            let gone = diesel::delete(own).execute(conn).await?;
            if gone == 1 {
                conn.announce(events).await?;
            }
            Ok(gone == 1)
        })
    }

    #[tracing::instrument(name = "store_sql.claim_unsent", skip_all)]
    async fn claim_unsent(
        &self,
        now: Timestamp,
        again_at: Timestamp,
        tries: u16,
        limit: u16,
    ) -> Result<Vec<Link>, Fault> {
        let tries = i16::try_from(tries).map_err(Fault::corrupt)?;
        let rows = transaction!(self.0, |conn| {
            let rows = conn.lock_unsent(Stored(now), tries, limit.into()).await?;
            let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
            diesel::update(mailed_links::table.filter(mailed_links::id.eq_any(ids)))
                .set((
                    mailed_links::tries.eq(mailed_links::tries + 1),
                    mailed_links::next_try_at.eq(Stored(again_at)),
                ))
                .execute(conn)
                .await?;
            Ok(rows)
        })?;
        rows.into_iter().map(Link::try_from).collect()
    }

    #[tracing::instrument(name = "store_sql.mark_sent", skip_all, fields(%id))]
    async fn mark_sent(&self, id: LinkId, at: Timestamp) -> Result<(), Fault> {
        let own = mailed_links::table.find(Stored(id));
        let sent = diesel::update(own).set(mailed_links::sent_at.eq(Stored(at)));
        write_one!(self.0, |conn| sent.execute(conn).await.map(drop))
    }

    #[tracing::instrument(name = "store_sql.prune_links", skip_all)]
    async fn prune_links(&self, now: Timestamp) -> Result<u64, Fault> {
        let over = mailed_links::table.filter(mailed_links::expires_at.le(Stored(now)));
        let pruned = write_one!(self.0, |conn| diesel::delete(over).execute(conn).await)?;
        u64::try_from(pruned).map_err(Fault::corrupt)
    }
}

/// Stores a link inside a transaction, unless `most` of its kind are live for its address. `false` when they are.
pub(crate) trait AddLink {
    async fn add_link(&mut self, row: &LinkRow, most: u16) -> QueryResult<bool>;
}

macro_rules! add_link {
    ($($connection:ty),*) => {$(
        impl AddLink for $connection {
            async fn add_link(&mut self, row: &LinkRow, most: u16) -> QueryResult<bool> {
                // Invitations of other tenants do not count, nor do two at once: one link more does no harm.
                let same_source = mailed_links::tenant_id
                    .eq(row.tenant_id)
                    .or(mailed_links::user_id.eq(row.user_id));
                let live: i64 = mailed_links::table
                    .filter(mailed_links::email_canonical.eq(&row.email_canonical))
                    .filter(mailed_links::kind.eq(&row.kind))
                    .filter(mailed_links::expires_at.gt(row.created_at))
                    .filter(same_source)
                    .count()
                    .get_result(self)
                    .await?;
                if live >= i64::from(most) {
                    return Ok(false);
                }
                diesel::insert_into(mailed_links::table)
                    .values((row, mailed_links::next_try_at.eq(row.created_at)))
                    .execute(self)
                    .await?;
                Ok(true)
            }
        }
    )*};
}

add_link!(Sqlite, AsyncPgConnection);

/// The oldest links that wait to be mailed, for as long as the transaction lasts.
trait LockUnsent {
    async fn lock_unsent(
        &mut self,
        now: Stored<Timestamp>,
        tries: i16,
        limit: i64,
    ) -> QueryResult<Vec<LinkRow>>;
}

impl LockUnsent for Sqlite {
    /// The transaction holds the write lock: there is no other worker.
    async fn lock_unsent(
        &mut self,
        now: Stored<Timestamp>,
        tries: i16,
        limit: i64,
    ) -> QueryResult<Vec<LinkRow>> {
        unsent(now, tries, limit)
            .select(LinkRow::as_select())
            .load(self)
            .await
    }
}

impl LockUnsent for AsyncPgConnection {
    /// Workers pass over the rows that another is just taking.
    async fn lock_unsent(
        &mut self,
        now: Stored<Timestamp>,
        tries: i16,
        limit: i64,
    ) -> QueryResult<Vec<LinkRow>> {
        unsent(now, tries, limit)
            .select(LinkRow::as_select())
            .for_update()
            .skip_locked()
            .load(self)
            .await
    }
}

#[diesel::dsl::auto_type]
fn unsent(now: Stored<Timestamp>, tries: i16, limit: i64) -> _ {
    mailed_links::table
        .filter(mailed_links::sent_at.is_null())
        .filter(mailed_links::next_try_at.le(now))
        .filter(mailed_links::tries.lt(tries))
        .order(mailed_links::next_try_at)
        .limit(limit)
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = mailed_links, treat_none_as_default_value = false)]
pub(crate) struct LinkRow {
    pub(crate) id: Stored<LinkId>,
    kind: String,
    pub(crate) user_id: Option<Stored<UserId>>,
    pub(crate) tenant_id: Option<Stored<TenantId>>,
    pub(crate) role: Option<String>,
    pub(crate) invited_by: Option<Stored<UserId>>,
    pub(crate) email: String,
    pub(crate) email_canonical: String,
    created_at: Stored<Timestamp>,
    expires_at: Stored<Timestamp>,
}

impl From<&Link> for LinkRow {
    fn from(link: &Link) -> Self {
        let (user, tenant, role, invited_by) = match &link.kind {
            LinkKind::PasswordReset(user) | LinkKind::EmailVerification(user) => {
                (Some(*user), None, None, None)
            }
            LinkKind::Invitation {
                tenant,
                role,
                invited_by,
            } => (None, Some(*tenant), Some(*role), Some(*invited_by)),
        };
        Self {
            id: Stored(link.id),
            kind: link.kind.name().to_owned(),
            user_id: user.map(Stored),
            tenant_id: tenant.map(Stored),
            role: role.map(|role| role.as_str().to_owned()),
            invited_by: invited_by.map(Stored),
            email: link.email.as_str().to_owned(),
            email_canonical: link.email.canonical(),
            created_at: Stored(link.created_at),
            expires_at: Stored(link.expires_at),
        }
    }
}

impl TryFrom<LinkRow> for Link {
    type Error = Fault;

    fn try_from(row: LinkRow) -> Result<Self, Fault> {
        let invitation = row.tenant_id.zip(row.invited_by).zip(row.role);
        let kind = match (row.kind.as_str(), row.user_id, invitation) {
            ("password_reset", Some(user), None) => LinkKind::PasswordReset(user.0),
            ("email_verification", Some(user), None) => LinkKind::EmailVerification(user.0),
            ("invitation", None, Some(((tenant, invited_by), role))) => LinkKind::Invitation {
                tenant: tenant.0,
                role: role.parse().map_err(Fault::corrupt)?,
                invited_by: invited_by.0,
            },
            (other, ..) => return Err(Fault::corrupt(format!("a mailed link of the kind {other:?}"))),
        };
        Ok(Self {
            id: row.id.0,
            kind,
            email: EmailAddress::parse(&row.email).map_err(Fault::corrupt)?,
            created_at: row.created_at.0,
            expires_at: row.expires_at.0,
        })
    }
}
