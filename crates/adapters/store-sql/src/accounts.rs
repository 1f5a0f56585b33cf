//! Tenants, people and their memberships.

use async_trait::async_trait;
use chancery_access::TenantRole;
use chancery_accounts::{
    AccountSystemStore, EmailAddress, FirstOwner, Login, Member, MemberStore, Membership, PasswordHash,
    TenantState, UserState,
};
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::{TenantId, UserId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    Database,
    codec::{self, Stored},
    database::{read, transaction, write_one},
    outbox::Announce,
    schema::accounts::{first_owner, memberships, tenants, users},
};

/// [`AccountSystemStore`] and [`MemberStore`] on either engine.
pub struct SqlAccounts(Database);

impl SqlAccounts {
    /// The people and tenants in `database`.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

#[async_trait]
impl AccountSystemStore for SqlAccounts {
    #[tracing::instrument(name = "store_sql.find_login", skip_all)]
    async fn find_login(&self, email: &EmailAddress) -> Result<Option<Login>, Fault> {
        let person = users::table.filter(users::email_canonical.eq(email.canonical()));
        let found = read!(self.0, |conn| {
            let Some(person) = person.select(UserRow::as_select()).first(conn).await.optional()? else {
                return Ok(None);
            };
            let places = memberships::table
                .inner_join(tenants::table)
                .filter(memberships::user_id.eq(person.id))
                .order((memberships::created_at, memberships::tenant_id))
                .select((memberships::tenant_id, memberships::role, tenants::state))
                .load::<(Stored<TenantId>, String, String)>(conn)
                .await?;
            Ok(Some((person, places)))
        })?;
        let Some((person, places)) = found else {
            return Ok(None);
        };
        Ok(Some(Login {
            user: person.id.0,
            password: person.password_hash.map(PasswordHash::from_stored),
            state: user_state(&person.state)?,
            email_verified: person.email_verified_at.is_some(),
            memberships: places.into_iter().map(membership).collect::<Result<_, _>>()?,
        }))
    }

    #[tracing::instrument(name = "store_sql.create_first_owner", skip_all, fields(tenant = %owner.tenant, user = %owner.user))]
    async fn create_first_owner(&self, owner: &FirstOwner, events: &[Event]) -> Result<bool, Fault> {
        transaction!(self.0, |conn| {
            // The singleton goes first: whoever cannot write it has written nothing, and does not.
            let won = diesel::insert_into(first_owner::table)
                .values((
                    first_owner::singleton.eq(1),
                    first_owner::tenant_id.eq(Stored(owner.tenant)),
                    first_owner::user_id.eq(Stored(owner.user)),
                    first_owner::created_at.eq(Stored(owner.at)),
                ))
                .on_conflict_do_nothing()
                .execute(conn)
                .await?;
            if won == 0 {
                return Ok(false);
            }
            diesel::insert_into(tenants::table)
                .values((
                    tenants::id.eq(Stored(owner.tenant)),
                    tenants::slug.eq(&owner.tenant_slug),
                    tenants::name.eq(&owner.tenant_name),
                    tenants::state.eq(TenantState::Active.as_str()),
                    tenants::created_at.eq(Stored(owner.at)),
                ))
                .execute(conn)
                .await?;
            diesel::insert_into(users::table)
                .values((
                    users::id.eq(Stored(owner.user)),
                    users::email.eq(owner.email.as_str()),
                    users::email_canonical.eq(owner.email.canonical()),
                    users::email_verified_at.eq(Stored(owner.at)),
                    users::password_hash.eq(owner.password.as_stored()),
                    users::state.eq(UserState::Active.as_str()),
                    users::created_at.eq(Stored(owner.at)),
                    users::updated_at.eq(Stored(owner.at)),
                ))
                .execute(conn)
                .await?;
            diesel::insert_into(memberships::table)
                .values((
                    memberships::tenant_id.eq(Stored(owner.tenant)),
                    memberships::user_id.eq(Stored(owner.user)),
                    memberships::role.eq(TenantRole::Owner.as_str()),
                    memberships::created_at.eq(Stored(owner.at)),
                ))
                .execute(conn)
                .await?;
            conn.announce(events).await?;
            Ok(true)
        })
    }

    #[tracing::instrument(name = "store_sql.has_first_owner", skip_all)]
    #[tracing::instrument(name = "store_sql.record_visit", skip_all, fields(%tenant))]
    async fn record_visit(&self, tenant: TenantId, event: &Event) -> Result<bool, Fault> {
        transaction!(self.0, |conn| {
            let known: i64 = tenants::table
                .find(Stored(tenant))
                .count()
                .get_result(conn)
                .await?;
            if known == 0 {
                return Ok(false);
            }
            conn.announce(std::slice::from_ref(event)).await?;
            Ok(true)
        })
    }

    async fn has_first_owner(&self) -> Result<bool, Fault> {
        let singleton = first_owner::table.select(first_owner::singleton);
        let found: Option<i16> = read!(self.0, |conn| singleton.first(conn).await.optional())?;
        Ok(found.is_some())
    }
}

#[async_trait]
impl MemberStore for SqlAccounts {
    #[tracing::instrument(name = "store_sql.find_member", skip_all, fields(%tenant, %user))]
    async fn find_member(&self, tenant: TenantId, user: UserId) -> Result<Option<Member>, Fault> {
        let place = memberships::table
            .find((Stored(tenant), Stored(user)))
            .inner_join(tenants::table)
            .inner_join(users::table);
        let found: Option<(UserRow, String, String, i64)> = read!(self.0, |conn| place
            .select((
                UserRow::as_select(),
                memberships::role,
                tenants::state,
                tenants::token_epoch
            ))
            .first(conn)
            .await
            .optional())?;
        let Some((person, role, tenant_state_name, tenant_epoch)) = found else {
            return Ok(None);
        };
        Ok(Some(Member {
            user,
            tenant,
            email: EmailAddress::parse(&person.email).map_err(Fault::corrupt)?,
            email_verified: person.email_verified_at.is_some(),
            role: role.parse().map_err(Fault::corrupt)?,
            is_operator: person.platform_role.as_deref() == Some(OPERATOR),
            state: user_state(&person.state)?,
            tenant_state: tenant_state(&tenant_state_name)?,
            subject_epoch: codec::count(person.token_epoch)?,
            tenant_epoch: codec::count(tenant_epoch)?,
        }))
    }

    #[tracing::instrument(name = "store_sql.renew_password_hash", skip_all, fields(%user))]
    async fn renew_password_hash(
        &self,
        user: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
        at: Timestamp,
    ) -> Result<bool, Fault> {
        let unchanged = users::table
            .find(Stored(user))
            .filter(users::password_hash.eq(old.as_stored()));
        let renew = diesel::update(unchanged).set((
            users::password_hash.eq(new.as_stored()),
            users::updated_at.eq(Stored(at)),
        ));
        let renewed = write_one!(self.0, |conn| renew.execute(conn).await)?;
        Ok(renewed == 1)
    }
}

/// The one role that people have on the platform.
pub(crate) const OPERATOR: &str = "operator";

#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
struct UserRow {
    id: Stored<UserId>,
    email: String,
    email_verified_at: Option<Stored<Timestamp>>,
    password_hash: Option<String>,
    state: String,
    token_epoch: i64,
    platform_role: Option<String>,
}

fn membership((tenant, role, state): (Stored<TenantId>, String, String)) -> Result<Membership, Fault> {
    Ok(Membership {
        tenant: tenant.0,
        role: role.parse().map_err(Fault::corrupt)?,
        tenant_state: tenant_state(&state)?,
    })
}

pub(crate) fn user_state(name: &str) -> Result<UserState, Fault> {
    const ALL: [UserState; 3] = [UserState::Pending, UserState::Active, UserState::Disabled];
    codec::named("users.state", &ALL, UserState::as_str, name)
}

pub(crate) fn tenant_state(name: &str) -> Result<TenantState, Fault> {
    const ALL: [TenantState; 2] = [TenantState::Active, TenantState::Suspended];
    codec::named("tenants.state", &ALL, TenantState::as_str, name)
}
