//! People and their places in tenants. What takes power away raises an epoch in the same transaction.

use async_trait::async_trait;
use chancery_access::{Subject, TenantRole};
use chancery_accounts::{
    Accepted, EmailAddress, LinkId, MemberChange, MemberItem, NewMember, PeopleStore, PlaceChange,
    TenantState, UserState,
};
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::{TenantId, UserId};
use chancery_tokens::{RevocationOrder, Whose};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::{
    Database,
    accounts::{OPERATOR, user_state},
    apps::LockTenant,
    codec::Stored,
    database::{read, transaction},
    fault::Undone,
    links::LinkRow,
    outbox::Announce,
    places::{EndOfPerson, Places},
    revocations::{AddRevocation, RevocationRow},
    schema::accounts::{mailed_links, memberships, tenants, users},
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

    #[tracing::instrument(name = "store_sql.change_member", skip_all, fields(tenant = %change.tenant, user = %change.of.user))]
    async fn change_member(&self, change: &PlaceChange) -> Result<MemberChange, Fault> {
        let (tenant, user) = (Stored(change.tenant), Stored(change.of.user));
        transaction!(self.0, |conn| {
            conn.lock_tenant(tenant).await?;
            if !conn.stands(tenant, change.by).await? {
                return Err(Undone::Answer(MemberChange::NotAllowed));
            }
            let stays_owner = change.to == Some(TenantRole::Owner);
            if change.of.role == TenantRole::Owner
                && !stays_owner
                && !conn.has_owner_beside(tenant, user).await?
            {
                return Err(Undone::Answer(MemberChange::LastOwner));
            }
            let place = memberships::table
                .find((tenant, user))
                .filter(memberships::role.eq(change.of.role.as_str()));
            let changed = match change.to {
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
            let epoch: i64 = diesel::update(users::table.find(user))
                .set(users::token_epoch.eq(users::token_epoch + 1))
                .returning(users::token_epoch)
                .get_result(conn)
                .await?;
            let whose = Whose::Subject(Subject::Person(change.of.user));
            conn.add_revocation(RevocationRow::raised(&whose, change.order, epoch))
                .await?;
            if change.to.is_none() {
                conn.end_sessions(change.of.user, Some(change.tenant), change.order.at)
                    .await?;
            }
            conn.announce(&change.events).await?;
            Ok(MemberChange::Changed)
        })
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
            let invitation = invitation.and_then(|row| Some((row.tenant_id?, row.invited_by?, row)));
            let Some((tenant, sender, row)) = invitation else {
                return Err(Undone::Answer(Accepted::Gone));
            };
            let role: TenantRole = row
                .role
                .as_deref()
                .unwrap_or_default()
                .parse()
                .map_err(Fault::corrupt)?;
            let sender_now: Option<String> = memberships::table
                .inner_join(users::table)
                .filter(memberships::tenant_id.eq(tenant))
                .filter(memberships::user_id.eq(sender))
                .filter(users::state.eq(UserState::Active.as_str()))
                .select(memberships::role)
                .first(conn)
                .await
                .optional()?;
            let sender_now: Option<TenantRole> = sender_now
                .map(|role| role.parse().map_err(Fault::corrupt))
                .transpose()?;
            if !sender_now.is_some_and(|sender| sender.may_invite(role)) {
                return Err(Undone::Answer(Accepted::Gone));
            }
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
                    memberships::role.eq(role.as_str()),
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
                    if !conn.has_owner_beside(tenant, Stored(user)).await? {
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

    #[tracing::instrument(name = "store_sql.set_operator", skip_all, fields(%user))]
    async fn set_operator(
        &self,
        user: UserId,
        is_operator: bool,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<bool, Fault> {
        transaction!(self.0, |conn| {
            let epoch: Option<i64> = diesel::update(users::table.find(Stored(user)))
                .set((
                    users::platform_role.eq(is_operator.then_some(OPERATOR)),
                    users::token_epoch.eq(users::token_epoch + 1),
                    users::updated_at.eq(Stored(order.at)),
                ))
                .returning(users::token_epoch)
                .get_result(conn)
                .await
                .optional()?;
            let Some(epoch) = epoch else {
                return Err(Undone::Answer(false));
            };
            conn.end_of_person(user, order, epoch).await?;
            conn.announce(events).await?;
            Ok(true)
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
