//! A ledger in memory for this crate's tests.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_events::RunUsage;
use chancery_ids::{RunId, TenantId, UserId};

use crate::{Amounts, Day, DayCounter, UsageMeter, UsageStore, UsageSystemStore, Whose};

#[derive(Default)]
pub(crate) struct Twin(Mutex<State>);

#[derive(Default)]
struct State {
    records: BTreeMap<(TenantId, RunId, u32, u32), Day>,
    counters: BTreeMap<(TenantId, Option<UserId>, Day), Amounts>,
}

impl Twin {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl UsageMeter for Twin {
    async fn record(&self, tenant: TenantId, usage: &RunUsage) -> Result<Amounts, Fault> {
        let mut state = self.state();
        let mut new = Amounts::default();
        for used in &usage.used {
            let (key, day) = ((tenant, usage.run, used.step, used.call), Day::of(used.at));
            if state.records.contains_key(&key) {
                continue;
            }
            state.records.insert(key, day);
            let amounts = Amounts::of(used);
            for person in [None, Some(usage.person)] {
                let counter = state.counters.entry((tenant, person, day)).or_default();
                *counter = *counter + amounts;
            }
            new = new + amounts;
        }
        Ok(new)
    }
}

#[async_trait]
impl UsageStore for Twin {
    async fn list_days(
        &self,
        tenant: TenantId,
        whose: Whose,
        days: Range<Day>,
        limit: u16,
    ) -> Result<Vec<DayCounter>, Fault> {
        let person = match whose {
            Whose::Tenant => None,
            Whose::Person(person) => Some(person),
        };
        let state = self.state();
        let own = state
            .counters
            .iter()
            .filter(|((of, by, day), _)| (*of, *by) == (tenant, person) && days.contains(day));
        let counters = own.rev().map(|((_, _, day), amounts)| DayCounter {
            day: *day,
            amounts: *amounts,
        });
        Ok(counters.take(limit.into()).collect())
    }
}

#[async_trait]
impl UsageSystemStore for Twin {
    async fn count_old(&self, before: Day) -> Result<u64, Fault> {
        let state = self.state();
        let old = state.records.values().filter(|day| **day < before);
        Ok(u64::try_from(old.count()).unwrap_or(u64::MAX))
    }

    async fn prune(&self, before: Day, limit: u16) -> Result<u64, Fault> {
        let mut state = self.state();
        let mut old: Vec<_> = state
            .records
            .iter()
            .filter(|(_, day)| **day < before)
            .map(|(key, day)| (*day, *key))
            .collect();
        old.sort_unstable();
        old.truncate(limit.into());
        for (_, key) in &old {
            state.records.remove(key);
        }
        Ok(u64::try_from(old.len()).unwrap_or(u64::MAX))
    }
}

mod tests {
    use std::sync::Arc;

    use super::Twin;
    use crate::contract::Ledger;

    fn ledger() -> Ledger {
        let twin = Arc::new(Twin::default());
        Ledger {
            meter: twin.clone(),
            store: twin.clone(),
            system: twin,
        }
    }

    crate::usage_meter_contract!(async { ledger() });
    crate::usage_store_contract!(async { ledger() });
    crate::usage_system_store_contract!(async { ledger() });
}
