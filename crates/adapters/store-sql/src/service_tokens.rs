//! Tokens of service accounts: refresh families that never rotate, at most one live one for account, tenant and scopes.

use async_trait::async_trait;
use chancery_access::Subject;
use chancery_accounts::{
    ServiceIssue, ServiceIssued, ServiceStanding, ServiceTokenFilter, ServiceTokenStore, TenantState,
    TokenStatus,
};
use chancery_ambient::{Fault, Timestamp};
use chancery_ids::TenantId;
use chancery_tokens::{EndReason, Family, Revoked};
use diesel::{prelude::*, sql_types::Bool};
use diesel_async::RunQueryDsl;

use crate::{
    Database,
    accounts::tenant_state,
    codec::{self, Stored},
    database::{read, transaction, write_one},
    fault::Undone,
    outbox::Announce,
    refresh_families::{FamilyRow, name_of},
    revocations::{AddRevocation, RevocationRow},
    schema::{
        accounts::{service_account_epochs, service_account_nonces, tenants},
        tokens::refresh_families,
    },
};

/// [`ServiceTokenStore`] on either engine.
pub struct SqlServiceTokens(Database);

/// How often a token is tried to be stored while others store theirs.
const TRIES: usize = 32;

impl SqlServiceTokens {
    /// The tokens in `database`.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

#[async_trait]
impl ServiceTokenStore for SqlServiceTokens {
    #[tracing::instrument(name = "store_sql.service_standing", skip_all, fields(%tenant, account))]
    async fn standing(&self, tenant: TenantId, account: &str) -> Result<Option<ServiceStanding>, Fault> {
        let account = account.to_owned();
        let (epoch, row) = read!(self.0, |conn| {
            let epoch: Option<i64> = service_account_epochs::table
                .find(account)
                .select(service_account_epochs::token_epoch)
                .first(conn)
                .await
                .optional()?;
            let row: Option<(String, i64)> = tenants::table
                .find(Stored(tenant))
                .select((tenants::state, tenants::token_epoch))
                .first(conn)
                .await
                .optional()?;
            Ok((epoch, row))
        })?;
        let subject_epoch = codec::count(epoch.unwrap_or(0))?;
        let (tenant_state, tenant_epoch) = match (row, tenant.named()) {
            (Some((state, epoch)), _) => (tenant_state(&state)?, codec::count(epoch)?),
            (None, None) => (TenantState::Active, 0),
            (None, Some(_)) => return Ok(None),
        };
        Ok(Some(ServiceStanding {
            tenant_state,
            subject_epoch,
            tenant_epoch,
        }))
    }

    #[tracing::instrument(name = "store_sql.issue_service_token", skip_all, fields(sid = %issue.family.sid))]
    async fn issue(&self, issue: &ServiceIssue) -> Result<ServiceIssued, Fault> {
        let drawn = FamilyRow::try_from(&issue.family)?;
        let now = issue.order.at;
        transaction!(self.0, |conn| {
            if let Some(nonce) = &issue.nonce {
                let marked = diesel::insert_into(service_account_nonces::table)
                    .values((
                        service_account_nonces::account.eq(&issue.family.client_id),
                        service_account_nonces::digest.eq(&nonce.digest[..]),
                        service_account_nonces::until.eq(Stored(nonce.until)),
                    ))
                    .on_conflict_do_nothing()
                    .execute(conn)
                    .await?;
                if marked == 0 {
                    return Err(Undone::Answer(ServiceIssued::NonceUsed));
                }
            }
            // Others may store theirs between our look and our write: the index lets one through, and we look again.
            for _ in 0..TRIES {
                let in_the_way = refresh_families::table
                    .filter(refresh_families::tenant_id.eq(&drawn.tenant_id))
                    .filter(refresh_families::subject.eq(&drawn.subject))
                    .filter(refresh_families::scopes.eq(&drawn.scopes))
                    .filter(refresh_families::ended_at.is_null());
                let found = in_the_way
                    .select(FamilyRow::as_select())
                    .first(conn)
                    .await
                    .optional()?;
                if let Some(found) = found {
                    let family = Family::try_from(found)?;
                    let does = family.expires_at > now && family.binding == issue.family.binding;
                    if does && !issue.force {
                        return Ok(ServiceIssued::Reused(Box::new(family)));
                    }
                    let live = refresh_families::table
                        .find(Stored(family.sid))
                        .filter(refresh_families::ended_at.is_null());
                    let ended = diesel::update(live)
                        .set((
                            refresh_families::ended_at.eq(Stored(now)),
                            refresh_families::end_reason.eq(name_of(EndReason::Revoked)),
                        ))
                        .execute(conn)
                        .await?;
                    if ended == 1 {
                        let end = issue.order.of(Revoked::Session(family.sid));
                        conn.add_revocation(RevocationRow::try_from(&end)?).await?;
                    }
                }
                let stored = diesel::insert_into(refresh_families::table)
                    .values(&drawn)
                    .on_conflict_do_nothing()
                    .execute(conn)
                    .await?;
                if stored == 1 {
                    conn.announce(&issue.events).await?;
                    return Ok(ServiceIssued::New);
                }
            }
            let busy = "too many tokens of one account are issued at once";
            Err(Undone::Fault(Fault::unavailable(busy)))
        })
    }

    #[tracing::instrument(name = "store_sql.list_service_tokens", skip_all, fields(%tenant))]
    async fn list_service_tokens(
        &self,
        tenant: TenantId,
        filter: &ServiceTokenFilter,
        now: Timestamp,
    ) -> Result<(Vec<Family>, u64), Fault> {
        let (lowest, highest) = match &filter.account {
            Some(account) => {
                let subject = Subject::ServiceAccount(account.clone()).to_string();
                (subject.clone(), subject)
            }
            // Whatever begins with `service-account:`: a `;` follows the `:`.
            None => ("service-account:".to_owned(), "service-account;".to_owned()),
        };
        let every = |wanted: bool| wanted.into_sql::<Bool>();
        let live = refresh_families::ended_at
            .is_null()
            .and(refresh_families::expires_at.gt(Stored(now)));
        let any_machine = every(filter.fingerprint.is_none());
        let machine = filter.fingerprint.unwrap_or_default().to_vec();
        let wanted = refresh_families::table
            .filter(refresh_families::tenant_id.eq(Stored(tenant)))
            .filter(refresh_families::subject.between(lowest, highest))
            .filter(
                any_machine.or(refresh_families::binding_digest
                    .is_not_null()
                    .and(refresh_families::binding_digest.assume_not_null().eq(machine))),
            )
            .filter(every(filter.status != TokenStatus::Active).or(live))
            .filter(
                every(filter.status != TokenStatus::Revoked).or(refresh_families::ended_at.is_not_null()),
            );
        let page = wanted
            .clone()
            .order((refresh_families::created_at.desc(), refresh_families::sid.desc()))
            .limit(filter.limit.into())
            .offset(filter.offset.into());
        let (rows, total): (Vec<FamilyRow>, i64) = read!(self.0, |conn| {
            let rows = page.select(FamilyRow::as_select()).load(conn).await?;
            let total = wanted.count().get_result(conn).await?;
            Ok((rows, total))
        })?;
        let families: Result<Vec<_>, _> = rows.into_iter().map(Family::try_from).collect();
        Ok((families?, codec::count(total)?))
    }

    #[tracing::instrument(name = "store_sql.prune_nonces", skip_all)]
    async fn prune_nonces(&self, now: Timestamp) -> Result<u64, Fault> {
        let over = service_account_nonces::table.filter(service_account_nonces::until.le(Stored(now)));
        let pruned = write_one!(self.0, |conn| diesel::delete(over).execute(conn).await)?;
        u64::try_from(pruned).map_err(Fault::corrupt)
    }
}
