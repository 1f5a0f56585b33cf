//! What the record asks of storage.

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_events::Event;
use chancery_ids::{EventId, Limit, Page, TenantId};

use crate::{Day, Entry, Head};

/// Keeps the record of what happened. Append-only.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Adds an event to the chain of its tenant, in the day `today` or a later one that has begun. MUST be one change, idempotent
    /// by event id; MUST keep the first. MUST make a chain without forks or gaps ([`Head::begin`], [`Head::with`]) of concurrent
    /// callers' events, over processes too. Gives the end of the day before, when this entry began another one.
    async fn record(&self, event: &Event, today: Day) -> Result<Option<Head>, Fault>;

    /// The tenant's first day with entries after `after`, as it stands or ended.
    async fn next_day(&self, tenant: TenantId, after: Option<Day>) -> Result<Option<Head>, Fault>;

    /// The entries of a tenant's day behind the place `after`, in order.
    async fn entries(&self, tenant: TenantId, day: Day, after: u64, limit: u16) -> Result<Vec<Entry>, Fault>;

    /// The tenant's record, newest first, those older than `before`. MUST show no other tenant's.
    async fn list(
        &self,
        tenant: TenantId,
        before: Option<EventId>,
        limit: Limit,
    ) -> Result<Page<Event>, Fault>;
}
