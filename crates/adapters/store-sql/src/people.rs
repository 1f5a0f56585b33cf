//! People's passwords and their places in tenants. What takes power away raises an epoch in the same transaction.

use async_trait::async_trait;
use chancery_access::{Subject, TenantRole};
use chancery_accounts::{
    Accepted, EmailAddress, LinkId, MemberChange, MemberItem, NewMember, PasswordChange, PasswordHash,
    PasswordSet, PeopleStore, ProvedBy, TenantState, UserState,
};
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::{SessionId, TenantId, UserId};
use chancery_tokens::{EndReason, RevocationOrder, Revoked, Whose};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::{
    Database,
    accounts::user_state,
    apps::LockTenant,
    codec::Stored,
    database::{read, transaction},
    fault::Undone,
    links::LinkRow,
    outbox::Announce,
    refresh_families::name_of,
    revocations::{AddRevocation, RevocationRow},
    schema::{
        accounts::{mailed_links, memberships, password_history, tenants, users},
        tokens::refresh_families,
    },
    sqlite::Sqlite,
};

/// [`PeopleStore`] on either engine.
pub struct SqlPeople(Database);

impl SqlPeople {
    /// The people in `database`.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

/// A member as the list reads them.
type MemberRow = (
    Stored<UserId>,
    String,
    Option<Stored<Timestamp>>,
    String,
    String,
    Stored<Timestamp>,
);

const OWNER: &str = TenantRole::Owner.as_str();

#[async_trait]
impl PeopleStore for SqlPeople {
    #[tracing::instrument(name = "store_sql.last_passwords", skip_all, fields(%user))]
    async fn last_passwords(&self, user: UserId, count: u16) -> Result<Vec<PasswordHash>, Fault> {
        let (current, mut before) = read!(self.0, |conn| {
            let current: Option<Option<String>> = users::table
                .find(Stored(user))
                .select(users::password_hash)
                .first(conn)
                .await
                .optional()?;
            let before: Vec<String> = password_history::table
                .filter(password_history::user_id.eq(Stored(user)))
                .order(password_history::id.desc())
                .limit(i64::from(count))
                .select(password_history::password_hash)
                .load(conn)
                .await?;
            Ok((current, before))
        })?;
        if let Some(current) = current.flatten() {
            before.insert(0, current);
        }
        before.truncate(count.into());
        Ok(before.into_iter().map(PasswordHash::from_stored).collect())
    }

    #[tracing::instrument(name = "store_sql.set_password", skip_all, fields(user = %change.user))]
    async fn set_password(&self, change: &PasswordChange) -> Result<PasswordSet, Fault> {
        let user = Stored(change.user);
        let at = Stored(change.order.at);
        transaction!(self.0, |conn| {
            if let ProvedBy::Link(link) = &change.by {
                let used = mailed_links::table
                    .find(Stored(*link))
                    .filter(mailed_links::user_id.eq(user));
                if diesel::delete(used).execute(conn).await? == 0 {
                    return Err(Undone::Answer(PasswordSet::NotProved));
                }
            }
            let found: Option<(Option<String>, i64)> = users::table
                .find(user)
                .select((users::password_hash, users::token_epoch))
                .first(conn)
                .await
                .optional()?;
            let Some((old, epoch)) = found else {
                return Err(Undone::Answer(PasswordSet::NotProved));
            };
            if let ProvedBy::Password(known) = &change.by
                && old.as_deref() != Some(known.as_stored())
            {
                return Err(Undone::Answer(PasswordSet::NotProved));
            }
            // Every change of a password raises the epoch: of two at once one finds another one.
            let unchanged = users::table.find(user).filter(users::token_epoch.eq(epoch));
            let epoch: Option<i64> = diesel::update(unchanged)
                .set((
                    users::password_hash.eq(change.new.as_stored()),
                    users::token_epoch.eq(users::token_epoch + 1),
                    users::updated_at.eq(at),
                ))
                .returning(users::token_epoch)
                .get_result(conn)
                .await
                .optional()?;
            let Some(epoch) = epoch else {
                return Err(Undone::Answer(PasswordSet::NotProved));
            };
            if let Some(old) = old {
                diesel::insert_into(password_history::table)
                    .values((
                        password_history::user_id.eq(user),
                        password_history::id.eq(Stored(change.order.id)),
                        password_history::password_hash.eq(old),
                        password_history::replaced_at.eq(at),
                    ))
                    .execute(conn)
                    .await?;
            }
            let kept: Vec<Stored<chancery_ids::RevocationId>> = password_history::table
                .filter(password_history::user_id.eq(user))
                .order(password_history::id.desc())
                .limit(i64::from(change.keep.saturating_sub(1)))
                .select(password_history::id)
                .load(conn)
                .await?;
            let forgotten = password_history::table
                .filter(password_history::user_id.eq(user))
                .filter(password_history::id.ne_all(kept));
            diesel::delete(forgotten).execute(conn).await?;
            diesel::delete(mailed_links::table.filter(mailed_links::user_id.eq(user)))
                .execute(conn)
                .await?;
            conn.end_of_person(change.user, change.order, epoch).await?;
            conn.announce(&change.events).await?;
            Ok(PasswordSet::Set)
        })
    }

    #[tracing::instrument(name = "store_sql.verify_email", skip_all, fields(%link))]
    async fn verify_email(&self, link: LinkId, at: Timestamp, events: &[Event]) -> Result<bool, Fault> {
        transaction!(self.0, |conn| {
            let row = diesel::delete(mailed_links::table.find(Stored(link)))
                .returning(LinkRow::as_returning())
                .get_result(conn)
                .await
                .optional()?;
            let Some((row, user)) = row.and_then(|row| row.user_id.map(|user| (row, user))) else {
                return Err(Undone::Answer(false));
            };
            let unproved = users::table
                .find(user)
                .filter(users::email_canonical.eq(&row.email_canonical))
                .filter(users::email_verified_at.is_null());
            diesel::update(unproved)
                .set((
                    users::email_verified_at.eq(Stored(at)),
                    users::updated_at.eq(Stored(at)),
                ))
                .execute(conn)
                .await?;
            conn.announce(events).await?;
            Ok(true)
        })
    }

    #[tracing::instrument(name = "store_sql.list_members", skip_all, fields(%tenant))]
    async fn list_members(
        &self,
        tenant: TenantId,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<Vec<MemberItem>, Fault> {
        let after = after.unwrap_or_else(|| UserId::from_uuid(uuid::Uuid::nil()));
        let members = memberships::table
            .inner_join(users::table)
            .filter(memberships::tenant_id.eq(Stored(tenant)))
            .filter(memberships::user_id.gt(Stored(after)))
            .order(memberships::user_id)
            .limit(limit.into());
        let rows: Vec<MemberRow> = read!(self.0, |conn| members
            .select((
                memberships::user_id,
                users::email,
                users::email_verified_at,
                memberships::role,
                users::state,
                memberships::created_at,
            ))
            .load(conn)
            .await)?;
        let item = |(user, email, verified, role, state, since): MemberRow| {
            Ok(MemberItem {
                user: user.0,
                email: EmailAddress::parse(&email).map_err(Fault::corrupt)?,
                email_verified: verified.is_some(),
                role: role.parse().map_err(Fault::corrupt)?,
                state: user_state(&state)?,
                since: since.0,
            })
        };
        rows.into_iter().map(item).collect()
    }

    #[tracing::instrument(name = "store_sql.change_member", skip_all, fields(%tenant, %user))]
    async fn change_member(
        &self,
        tenant: TenantId,
        user: UserId,
        from: TenantRole,
        to: Option<TenantRole>,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<MemberChange, Fault> {
        transaction!(self.0, |conn| {
            conn.lock_tenant(Stored(tenant)).await?;
            if from == TenantRole::Owner && to != Some(TenantRole::Owner) {
                let others: i64 = memberships::table
                    .filter(memberships::tenant_id.eq(Stored(tenant)))
                    .filter(memberships::user_id.ne(Stored(user)))
                    .filter(memberships::role.eq(OWNER))
                    .count()
                    .get_result(conn)
                    .await?;
                if others == 0 {
                    return Err(Undone::Answer(MemberChange::LastOwner));
                }
            }
            let place = memberships::table
                .find((Stored(tenant), Stored(user)))
                .filter(memberships::role.eq(from.as_str()));
            let changed = match to {
                Some(role) => {
                    diesel::update(place)
                        .set(memberships::role.eq(role.as_str()))
                        .execute(conn)
                        .await?
                }
                None => diesel::delete(place).execute(conn).await?,
            };
            if changed == 0 {
                return Err(Undone::Answer(MemberChange::Absent));
            }
            let epoch: i64 = diesel::update(users::table.find(Stored(user)))
                .set(users::token_epoch.eq(users::token_epoch + 1))
                .returning(users::token_epoch)
                .get_result(conn)
                .await?;
            let whose = Whose::Subject(Subject::Person(user));
            conn.add_revocation(RevocationRow::raised(&whose, order, epoch))
                .await?;
            if to.is_none() {
                let theirs = refresh_families::table
                    .filter(refresh_families::tenant_id.eq(Stored(tenant)))
                    .filter(refresh_families::subject.eq(Subject::Person(user).to_string()))
                    .filter(refresh_families::ended_at.is_null());
                diesel::update(theirs)
                    .set((
                        refresh_families::ended_at.eq(Stored(order.at)),
                        refresh_families::end_reason.eq(name_of(EndReason::Revoked)),
                    ))
                    .execute(conn)
                    .await?;
            }
            conn.announce(events).await?;
            Ok(MemberChange::Changed)
        })
    }

    #[tracing::instrument(name = "store_sql.end_sessions_in", skip_all, fields(%tenant, %user))]
    async fn end_sessions_in(
        &self,
        tenant: TenantId,
        user: UserId,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<u64, Fault> {
        let ended = transaction!(self.0, |conn| {
            let theirs = refresh_families::table
                .filter(refresh_families::tenant_id.eq(Stored(tenant)))
                .filter(refresh_families::subject.eq(Subject::Person(user).to_string()))
                .filter(refresh_families::ended_at.is_null());
            let ended: Vec<Stored<SessionId>> = diesel::update(theirs)
                .set((
                    refresh_families::ended_at.eq(Stored(order.at)),
                    refresh_families::end_reason.eq(name_of(EndReason::Revoked)),
                ))
                .returning(refresh_families::sid)
                .get_results(conn)
                .await?;
            for session in &ended {
                // Each is a row of its own, under an id that a repeated command draws again.
                let id = chancery_ids::RevocationId::from_uuid(session.0.as_uuid());
                let end = RevocationOrder { id, ..order }.of(Revoked::Session(session.0));
                conn.add_revocation(RevocationRow::try_from(&end)?).await?;
            }
            conn.announce(events).await?;
            Ok(ended.len())
        })?;
        u64::try_from(ended).map_err(Fault::corrupt)
    }

    #[tracing::instrument(name = "store_sql.accept_invitation", skip_all, fields(%link))]
    async fn accept_invitation(
        &self,
        link: LinkId,
        person: Option<&NewMember>,
        at: Timestamp,
        events: &[Event],
    ) -> Result<Accepted, Fault> {
        transaction!(self.0, |conn| {
            let invitation = diesel::delete(mailed_links::table.find(Stored(link)))
                .returning(LinkRow::as_returning())
                .get_result(conn)
                .await
                .optional()?;
            let invitation = invitation.and_then(|row| Some((row.tenant_id?, row.role.clone()?, row)));
            let Some((tenant, role, row)) = invitation else {
                return Err(Undone::Answer(Accepted::Gone));
            };
            let known: Option<Stored<UserId>> = users::table
                .filter(users::email_canonical.eq(&row.email_canonical))
                .select(users::id)
                .first(conn)
                .await
                .optional()?;
            let user = match (known, person) {
                (Some(user), _) => user,
                (None, None) => return Err(Undone::Answer(Accepted::PersonNeeded)),
                (None, Some(person)) => {
                    diesel::insert_into(users::table)
                        .values((
                            users::id.eq(Stored(person.user)),
                            users::email.eq(&row.email),
                            users::email_canonical.eq(&row.email_canonical),
                            users::email_verified_at.eq(Stored(at)),
                            users::password_hash.eq(person.password.as_stored()),
                            users::state.eq(UserState::Active.as_str()),
                            users::created_at.eq(Stored(at)),
                            users::updated_at.eq(Stored(at)),
                        ))
                        .execute(conn)
                        .await?;
                    Stored(person.user)
                }
            };
            // Who opened the mail has the address.
            diesel::update(users::table.find(user).filter(users::email_verified_at.is_null()))
                .set(users::email_verified_at.eq(Stored(at)))
                .execute(conn)
                .await?;
            diesel::insert_into(memberships::table)
                .values((
                    memberships::tenant_id.eq(tenant),
                    memberships::user_id.eq(user),
                    memberships::role.eq(role),
                    memberships::created_at.eq(Stored(at)),
                ))
                .on_conflict_do_nothing()
                .execute(conn)
                .await?;
            conn.announce(events).await?;
            Ok(Accepted::Joined(user.0))
        })
    }

    #[tracing::instrument(name = "store_sql.set_user_state", skip_all, fields(%user))]
    async fn set_user_state(
        &self,
        user: UserId,
        state: UserState,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<Option<bool>, Fault> {
        transaction!(self.0, |conn| {
            if state != UserState::Active {
                let owned: Vec<Stored<TenantId>> = memberships::table
                    .filter(memberships::user_id.eq(Stored(user)))
                    .filter(memberships::role.eq(OWNER))
                    .order(memberships::tenant_id)
                    .select(memberships::tenant_id)
                    .load(conn)
                    .await?;
                for tenant in owned {
                    conn.lock_tenant(tenant).await?;
                    let others: i64 = memberships::table
                        .inner_join(users::table)
                        .filter(memberships::tenant_id.eq(tenant))
                        .filter(memberships::user_id.ne(Stored(user)))
                        .filter(memberships::role.eq(OWNER))
                        .filter(users::state.eq(UserState::Active.as_str()))
                        .count()
                        .get_result(conn)
                        .await?;
                    if others == 0 {
                        return Err(Undone::Answer(Some(false)));
                    }
                }
            }
            let epoch: Option<i64> = diesel::update(users::table.find(Stored(user)))
                .set((
                    users::state.eq(state.as_str()),
                    users::token_epoch.eq(users::token_epoch + 1),
                    users::updated_at.eq(Stored(order.at)),
                ))
                .returning(users::token_epoch)
                .get_result(conn)
                .await
                .optional()?;
            let Some(epoch) = epoch else {
                return Err(Undone::Answer(None));
            };
            conn.end_of_person(user, order, epoch).await?;
            conn.announce(events).await?;
            Ok(Some(true))
        })
    }

    #[tracing::instrument(name = "store_sql.set_tenant_state", skip_all, fields(%tenant))]
    async fn set_tenant_state(
        &self,
        tenant: TenantId,
        state: TenantState,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<bool, Fault> {
        transaction!(self.0, |conn| {
            let epoch: Option<i64> = diesel::update(tenants::table.find(Stored(tenant)))
                .set((
                    tenants::state.eq(state.as_str()),
                    tenants::token_epoch.eq(tenants::token_epoch + 1),
                ))
                .returning(tenants::token_epoch)
                .get_result(conn)
                .await
                .optional()?;
            let Some(epoch) = epoch else {
                return Err(Undone::Answer(false));
            };
            conn.add_revocation(RevocationRow::raised(&Whose::Tenant(tenant), order, epoch))
                .await?;
            conn.announce(events).await?;
            Ok(true)
        })
    }
}

/// Ends a person's sessions and tokens of before an epoch, inside the transaction that raised it.
trait EndOfPerson {
    async fn end_of_person(&mut self, user: UserId, order: RevocationOrder, epoch: i64) -> QueryResult<()>;
}

/// One body for both connections: what differs is how a revocation is numbered.
macro_rules! end_of_person {
    ($($connection:ty),*) => {$(
        impl EndOfPerson for $connection {
            async fn end_of_person(&mut self, user: UserId, order: RevocationOrder, epoch: i64) -> QueryResult<()> {
                let subject = Subject::Person(user);
                let live = refresh_families::table
                    .filter(refresh_families::subject.eq(subject.to_string()))
                    .filter(refresh_families::ended_at.is_null());
                diesel::update(live)
                    .set((
                        refresh_families::ended_at.eq(Stored(order.at)),
                        refresh_families::end_reason.eq(name_of(EndReason::Revoked)),
                    ))
                    .execute(self)
                    .await?;
                self.add_revocation(RevocationRow::raised(&Whose::Subject(subject), order, epoch))
                    .await
            }
        }
    )*};
}

end_of_person!(Sqlite, AsyncPgConnection);
