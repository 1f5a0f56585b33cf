//! What several changes of people's places share, inside their transactions.

use chancery_access::{Subject, TenantRole};
use chancery_accounts::{Standing, UserState};
use chancery_ambient::Timestamp;
use chancery_ids::{SessionId, TenantId, UserId};
use chancery_tokens::{EndReason, RevocationOrder, Whose};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::{
    codec::Stored,
    refresh_families::name_of,
    revocations::{AddRevocation, RevocationRow},
    schema::{
        accounts::{memberships, users},
        tokens::refresh_families,
    },
    sqlite::Sqlite,
};

/// Who stands where.
pub(crate) trait Places {
    /// Whether somebody has the role still in which they were found.
    async fn stands(&mut self, tenant: Stored<TenantId>, standing: Standing) -> QueryResult<bool>;

    /// Whether the tenant has an owner who may log in, besides `user`.
    async fn has_owner_beside(&mut self, tenant: Stored<TenantId>, user: Stored<UserId>)
    -> QueryResult<bool>;
}

/// Ends what a person holds.
pub(crate) trait EndOfPerson {
    /// Ends a person's sessions, in one tenant or in all. Gives which.
    async fn end_sessions(
        &mut self,
        user: UserId,
        tenant: Option<TenantId>,
        at: Timestamp,
    ) -> QueryResult<Vec<SessionId>>;

    /// Ends a person's sessions and tokens of before an epoch, inside the transaction that raised it.
    async fn end_of_person(&mut self, user: UserId, order: RevocationOrder, epoch: i64) -> QueryResult<()>;
}

/// One body for both connections.
macro_rules! places {
    ($($connection:ty),*) => {$(
        impl Places for $connection {
            async fn stands(&mut self, tenant: Stored<TenantId>, standing: Standing) -> QueryResult<bool> {
                let place = memberships::table
                    .find((tenant, Stored(standing.user)))
                    .filter(memberships::role.eq(standing.role.as_str()));
                let found: i64 = place.count().get_result(self).await?;
                Ok(found == 1)
            }

            async fn has_owner_beside(
                &mut self,
                tenant: Stored<TenantId>,
                user: Stored<UserId>,
            ) -> QueryResult<bool> {
                let others: i64 = memberships::table
                    .inner_join(users::table)
                    .filter(memberships::tenant_id.eq(tenant))
                    .filter(memberships::user_id.ne(user))
                    .filter(memberships::role.eq(TenantRole::Owner.as_str()))
                    .filter(users::state.eq(UserState::Active.as_str()))
                    .count()
                    .get_result(self)
                    .await?;
                Ok(others > 0)
            }
        }

        impl EndOfPerson for $connection {
            async fn end_sessions(
                &mut self,
                user: UserId,
                tenant: Option<TenantId>,
                at: Timestamp,
            ) -> QueryResult<Vec<SessionId>> {
                let live = refresh_families::table
                    .filter(refresh_families::subject.eq(Subject::Person(user).to_string()))
                    .filter(refresh_families::ended_at.is_null());
                let end = (
                    refresh_families::ended_at.eq(Stored(at)),
                    refresh_families::end_reason.eq(name_of(EndReason::Revoked)),
                );
                let sid = refresh_families::sid;
                let ended: Vec<Stored<SessionId>> = match tenant {
                    Some(tenant) => {
                        let there = live.filter(refresh_families::tenant_id.eq(Stored(tenant)));
                        diesel::update(there).set(end).returning(sid).get_results(self).await?
                    }
                    None => diesel::update(live).set(end).returning(sid).get_results(self).await?,
                };
                Ok(ended.into_iter().map(|session| session.0).collect())
            }

            async fn end_of_person(
                &mut self,
                user: UserId,
                order: RevocationOrder,
                epoch: i64,
            ) -> QueryResult<()> {
                self.end_sessions(user, None, order.at).await?;
                let whose = Whose::Subject(Subject::Person(user));
                self.add_revocation(RevocationRow::raised(&whose, order, epoch)).await
            }
        }
    )*};
}

places!(Sqlite, AsyncPgConnection);
