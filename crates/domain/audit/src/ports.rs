//! What the record asks of storage.

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_events::Event;
use chancery_ids::{EventId, Limit, Page, TenantId};

/// Keeps the record of what happened. Append-only.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Adds an event to its tenant's record. MUST be idempotent by event id, and MUST keep the first.
    async fn record(&self, event: &Event) -> Result<(), Fault>;

    /// The tenant's record, newest first, those older than `before`. MUST show no other tenant's.
    async fn list(
        &self,
        tenant: TenantId,
        before: Option<EventId>,
        limit: Limit,
    ) -> Result<Page<Event>, Fault>;
}
