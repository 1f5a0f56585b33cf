//! What the ledger asks of storage.

use std::ops::Range;

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_events::RunUsage;
use chancery_ids::TenantId;

use crate::{Amounts, Day, DayCounter, Whose};

/// Counts what is used.
#[async_trait]
pub trait UsageMeter: Send + Sync {
    /// Counts what a run of the tenant has used, and gives the amounts of what was not counted before.
    ///
    /// MUST count each use once by (tenant, run, step, call), however often and in whatever order it is told, by however many at
    /// once; the first counts. MUST take one that was counted before for a success. MUST add to the counters of the use's own day,
    /// the tenant's and the person's, in the same change.
    async fn record(&self, tenant: TenantId, usage: &RunUsage) -> Result<Amounts, Fault>;
}

/// Reads the counters.
#[async_trait]
pub trait UsageStore: Send + Sync {
    /// Counters of days in `days`, the newest first; at most `limit`. Days without use are left out.
    ///
    /// MUST show no other tenant's, nor another person's.
    async fn list_days(
        &self,
        tenant: TenantId,
        whose: Whose,
        days: Range<Day>,
        limit: u16,
    ) -> Result<Vec<DayCounter>, Fault>;
}

/// What is not kept for ever. Cross-tenant on purpose (ARCHITECTURE.md lists it).
#[async_trait]
pub trait UsageSystemStore: Send + Sync {
    /// How many records there are of days before `before`.
    async fn count_old(&self, before: Day) -> Result<u64, Fault>;

    /// Forgets up to `limit` records of days before `before`, the oldest first. Gives how many. A use that was forgotten and is told
    /// again would count again, so this is for days whose events are long delivered.
    ///
    /// MUST leave every counter as it is.
    async fn prune(&self, before: Day, limit: u16) -> Result<u64, Fault>;
}
