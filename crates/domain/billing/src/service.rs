//! What tenants see of their use, and how long single records are kept.

use std::sync::Arc;

use chancery_access::{Principal, Scope};
use chancery_ambient::{Clock, Fault};
use chancery_ids::{Cursor, CursorError, Limit, Page};

use crate::{Counter, Day, UsageQuery, UsageRefused, UsageStore, UsageSystemStore, Whose};

/// Records forgotten by one statement.
const BATCH: u16 = 1000;

/// Lists counters, and forgets records that are old.
pub struct UsageService {
    store: Arc<dyn UsageStore>,
    system: Arc<dyn UsageSystemStore>,
    clock: Arc<dyn Clock>,
    kept_days: u16,
}

impl UsageService {
    /// A service over one storage in its two views. Single records are kept for `kept_days`, counters for ever.
    #[must_use]
    pub fn new(
        store: Arc<dyn UsageStore>,
        system: Arc<dyn UsageSystemStore>,
        clock: Arc<dyn Clock>,
        kept_days: u16,
    ) -> Self {
        Self {
            store,
            system,
            clock,
            kept_days,
        }
    }

    /// Counters of the periods with any use, newest first: of the caller's tenant for whoever may read its bills, of the caller for
    /// everybody who may read their own conversations. `cursor` is the `next` of the page before.
    #[tracing::instrument(name = "billing.list_usage", skip_all, fields(tenant = %caller.tenant))]
    pub async fn list(
        &self,
        caller: &Principal,
        query: &UsageQuery,
        cursor: Option<&str>,
        limit: Limit,
    ) -> Result<Page<Counter>, UsageRefused> {
        let whose = if query.own {
            caller.require(Scope::CONVERSATIONS_READ)?;
            Whose::Person(caller.require_person()?)
        } else {
            caller.require(Scope::BILLING_READ)?;
            Whose::Tenant
        };
        let granularity = query.granularity;
        let from = query.from.map_or(Day::FIRST, |day| granularity.start_of(day));
        let mut until = query.to.map_or(Day::LAST, |day| granularity.end_of(day));
        if let Some(cursor) = cursor {
            // A place in a list of months is none in a list of days.
            let (length, start): (String, i32) = Cursor::parse(cursor)?.read()?;
            if length != granularity.as_str() {
                return Err(CursorError.into());
            }
            until = until.min(Day(start));
        }
        // One period more than the page, all its days: of the one beyond it is only asked whether it is there.
        let most = u16::try_from(limit.one_beyond()).unwrap_or(u16::MAX);
        let most = most.saturating_mul(granularity.most_days());
        let days = self
            .store
            .list_days(caller.tenant, whose, from..until, most)
            .await?;
        let periods = Counter::of_days(&days, granularity);
        Ok(Page::cut(periods, limit, |last| {
            Cursor::of(&(granularity.as_str(), last.start.0))
        }))
    }

    /// Forgets records of days that are longer ago than they are kept. Gives how many. Safe to call on every replica at once.
    #[tracing::instrument(name = "billing.prune_usage", skip_all)]
    pub async fn prune(&self) -> Result<u64, Fault> {
        let before = Day::of(self.clock.now()).minus(self.kept_days);
        let mut pruned = 0;
        loop {
            let batch = self.system.prune(before, BATCH).await?;
            pruned += batch;
            if batch < u64::from(BATCH) {
                return Ok(pruned);
            }
        }
    }
}

#[cfg(test)]
mod tests;
