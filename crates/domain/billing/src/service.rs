//! What tenants see of their use.

use std::sync::Arc;

use chancery_access::{Principal, Scope};
use chancery_ids::{Cursor, CursorError, Limit, Page};

use crate::{Counter, Day, UsageQuery, UsageRefused, UsageStore, Whose};

/// Lists counters.
pub struct UsageService {
    store: Arc<dyn UsageStore>,
}

impl UsageService {
    /// A service over `store`.
    #[must_use]
    pub fn new(store: Arc<dyn UsageStore>) -> Self {
        Self { store }
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
}

#[cfg(test)]
mod tests;
