//! What apps ask of storage.

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_events::Event;
use chancery_ids::{AppId, TenantId};
use chancery_tokens::RevocationOrder;

use crate::{App, AppCredential, StandingApp};

/// What a client is looked up in before its tenant is known. Cross-tenant on purpose (ARCHITECTURE.md lists it).
#[async_trait]
pub trait AppSystemStore: Send + Sync {
    /// The app as it stands now; `None` when there is none, or it was removed.
    async fn find_app(&self, id: AppId) -> Result<Option<StandingApp>, Fault>;
}

/// The apps of a tenant.
#[async_trait]
pub trait AppStore: Send + Sync {
    /// Stores a new app of its tenant with the events that announce it, unless the tenant has `most` of them already or the id
    /// was ever given.
    ///
    /// MUST be one change. MUST keep to `most` however many callers.
    async fn register(&self, app: &App, most: u16, events: &[Event]) -> Result<bool, Fault>;

    /// The tenant's apps, oldest first, without those that were removed.
    ///
    /// MUST give nothing of another tenant.
    async fn list_apps(&self, tenant: TenantId) -> Result<Vec<App>, Fault>;

    /// Replaces the credential, raises the app's epoch and stores the revocation of every token of before, with the events, in
    /// one change. `false` when the tenant has no such app.
    async fn replace_credential(
        &self,
        tenant: TenantId,
        id: AppId,
        credential: &AppCredential,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<bool, Fault>;

    /// Removes the app, raises its epoch and stores the revocation of every token of before, with the events, in one change.
    /// `false` when the tenant has no such app.
    async fn remove_app(
        &self,
        tenant: TenantId,
        id: AppId,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<bool, Fault>;
}
