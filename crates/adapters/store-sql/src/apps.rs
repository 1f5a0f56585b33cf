//! Apps.

use async_trait::async_trait;
use chancery_access::Subject;
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::{AppId, TenantId};
use chancery_registry::{
    App, AppCredential, AppKeys, AppName, AppStore, AppSystemStore, SecretDigest, StandingApp,
};
use chancery_tokens::{RevocationOrder, Whose};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;

use crate::{
    Database,
    accounts::tenant_state,
    codec::{self, Stored},
    database::{read, transaction},
    fault::Undone,
    outbox::Announce,
    revocations::{AddRevocation, RevocationRow},
    schema::{accounts::tenants, registry::apps},
    sqlite::Sqlite,
};

/// [`AppStore`] and [`AppSystemStore`] on either engine.
pub struct SqlApps(Database);

impl SqlApps {
    /// The apps in `database`.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

#[async_trait]
impl AppSystemStore for SqlApps {
    #[tracing::instrument(name = "store_sql.find_app", skip_all, fields(%id))]
    async fn find_app(&self, id: AppId) -> Result<Option<StandingApp>, Fault> {
        let standing = apps::table
            .find(id.to_string())
            .filter(apps::removed_at.is_null())
            .inner_join(tenants::table);
        let found: Option<(AppRow, i64, String, i64)> = read!(self.0, |conn| standing
            .select((
                AppRow::as_select(),
                apps::token_epoch,
                tenants::state,
                tenants::token_epoch
            ))
            .first(conn)
            .await
            .optional())?;
        let Some((row, epoch, state, tenant_epoch)) = found else {
            return Ok(None);
        };
        Ok(Some(StandingApp {
            app: App::try_from(row)?,
            tenant_active: tenant_state(&state)?.is_active(),
            epoch: codec::count(epoch)?,
            tenant_epoch: codec::count(tenant_epoch)?,
        }))
    }
}

#[async_trait]
impl AppStore for SqlApps {
    #[tracing::instrument(name = "store_sql.register_app", skip_all, fields(tenant = %app.tenant, id = %app.id))]
    async fn register(&self, app: &App, most: u16, events: &[Event]) -> Result<bool, Fault> {
        let row = AppRow::try_from(app)?;
        transaction!(self.0, |conn| {
            conn.lock_tenant(row.tenant_id).await?;
            let own: i64 = apps::table
                .filter(apps::tenant_id.eq(&row.tenant_id))
                .filter(apps::removed_at.is_null())
                .count()
                .get_result(conn)
                .await?;
            if own >= i64::from(most) {
                return Err(Undone::Answer(false));
            }
            let stored = diesel::insert_into(apps::table)
                .values(&row)
                .on_conflict_do_nothing()
                .execute(conn)
                .await?;
            if stored == 1 {
                conn.announce(events).await?;
            }
            Ok(stored == 1)
        })
    }

    #[tracing::instrument(name = "store_sql.list_apps", skip_all, fields(%tenant))]
    async fn list_apps(&self, tenant: TenantId) -> Result<Vec<App>, Fault> {
        let own = apps::table
            .filter(apps::tenant_id.eq(Stored(tenant)))
            .filter(apps::removed_at.is_null())
            .order((apps::created_at, apps::id));
        let rows = read!(self.0, |conn| own.select(AppRow::as_select()).load(conn).await)?;
        rows.into_iter().map(App::try_from).collect()
    }

    #[tracing::instrument(name = "store_sql.replace_credential", skip_all, fields(%tenant, %id))]
    async fn replace_credential(
        &self,
        tenant: TenantId,
        id: AppId,
        credential: &AppCredential,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<bool, Fault> {
        let credential = CredentialRow::try_from(credential)?;
        transaction!(self.0, |conn| {
            let own = apps::table
                .find(id.to_string())
                .filter(apps::tenant_id.eq(Stored(tenant)))
                .filter(apps::removed_at.is_null());
            let epoch: Option<i64> = diesel::update(own)
                .set((credential, apps::token_epoch.eq(apps::token_epoch + 1)))
                .returning(apps::token_epoch)
                .get_result(conn)
                .await
                .optional()?;
            let Some(epoch) = epoch else {
                return Err(Undone::Answer(false));
            };
            let whose = Whose::Subject(Subject::App(id));
            conn.add_revocation(RevocationRow::raised(&whose, order, epoch))
                .await?;
            conn.announce(events).await?;
            Ok(true)
        })
    }

    #[tracing::instrument(name = "store_sql.remove_app", skip_all, fields(%tenant, %id))]
    async fn remove_app(
        &self,
        tenant: TenantId,
        id: AppId,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<bool, Fault> {
        transaction!(self.0, |conn| {
            let own = apps::table
                .find(id.to_string())
                .filter(apps::tenant_id.eq(Stored(tenant)))
                .filter(apps::removed_at.is_null());
            let epoch: Option<i64> = diesel::update(own)
                .set((
                    apps::removed_at.eq(Stored(order.at)),
                    apps::token_epoch.eq(apps::token_epoch + 1),
                ))
                .returning(apps::token_epoch)
                .get_result(conn)
                .await
                .optional()?;
            let Some(epoch) = epoch else {
                return Err(Undone::Answer(false));
            };
            let whose = Whose::Subject(Subject::App(id));
            conn.add_revocation(RevocationRow::raised(&whose, order, epoch))
                .await?;
            conn.announce(events).await?;
            Ok(true)
        })
    }
}

/// Lets one writer at a time count what a tenant has.
pub(crate) trait LockTenant {
    async fn lock_tenant(&mut self, tenant: Stored<TenantId>) -> QueryResult<()>;
}

impl LockTenant for Sqlite {
    /// The transaction holds the write lock.
    async fn lock_tenant(&mut self, _: Stored<TenantId>) -> QueryResult<()> {
        Ok(())
    }
}

impl LockTenant for AsyncPgConnection {
    async fn lock_tenant(&mut self, tenant: Stored<TenantId>) -> QueryResult<()> {
        tenants::table
            .find(tenant)
            .select(tenants::id)
            .for_update()
            .first::<Stored<TenantId>>(self)
            .await
            .map(drop)
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = apps, treat_none_as_default_value = false)]
struct AppRow {
    id: String,
    tenant_id: Stored<TenantId>,
    name: String,
    scopes: String,
    #[diesel(embed)]
    credential: CredentialRow,
    created_by: String,
    created_at: Stored<Timestamp>,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = apps, treat_none_as_default_value = false, treat_none_as_null = true)]
struct CredentialRow {
    auth_method: String,
    secret_digest: Option<Vec<u8>>,
    jwks: Option<Stored<Value>>,
}

const SECRET: &str = "client_secret";
const KEYS: &str = "private_key_jwt";

impl TryFrom<&AppCredential> for CredentialRow {
    type Error = Fault;

    fn try_from(credential: &AppCredential) -> Result<Self, Fault> {
        Ok(match credential {
            AppCredential::Secret(digest) => Self {
                auth_method: SECRET.to_owned(),
                secret_digest: Some(digest.as_stored().to_vec()),
                jwks: None,
            },
            AppCredential::Keys(keys) => Self {
                auth_method: KEYS.to_owned(),
                secret_digest: None,
                jwks: Some(Stored(serde_json::to_value(keys.set()).map_err(Fault::corrupt)?)),
            },
        })
    }
}

impl TryFrom<CredentialRow> for AppCredential {
    type Error = Fault;

    fn try_from(row: CredentialRow) -> Result<Self, Fault> {
        match (row.auth_method.as_str(), row.secret_digest, row.jwks) {
            (SECRET, Some(digest), None) => {
                let digest = codec::fixed("apps.secret_digest", &digest)?;
                Ok(Self::Secret(SecretDigest::from_stored(digest)))
            }
            (KEYS, None, Some(jwks)) => {
                let keys = AppKeys::parse(jwks.0.to_string().as_bytes());
                Ok(Self::Keys(keys.map_err(Fault::corrupt)?))
            }
            (other, ..) => Err(Fault::corrupt(format!("an app proves itself by {other:?}"))),
        }
    }
}

impl TryFrom<&App> for AppRow {
    type Error = Fault;

    fn try_from(app: &App) -> Result<Self, Fault> {
        Ok(Self {
            id: app.id.to_string(),
            tenant_id: Stored(app.tenant),
            name: app.name.to_string(),
            scopes: app.scopes.to_string(),
            credential: CredentialRow::try_from(&app.credential)?,
            created_by: app.created_by.to_string(),
            created_at: Stored(app.created_at),
        })
    }
}

impl TryFrom<AppRow> for App {
    type Error = Fault;

    fn try_from(row: AppRow) -> Result<Self, Fault> {
        Ok(Self {
            id: row.id.parse().map_err(Fault::corrupt)?,
            tenant: row.tenant_id.0,
            name: AppName::parse(&row.name).map_err(Fault::corrupt)?,
            scopes: row.scopes.parse().map_err(Fault::corrupt)?,
            credential: row.credential.try_into()?,
            created_by: row.created_by.parse().map_err(Fault::corrupt)?,
            created_at: row.created_at.0,
        })
    }
}
