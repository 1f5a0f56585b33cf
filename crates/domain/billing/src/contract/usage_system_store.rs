//! The MUST clauses of [`UsageSystemStore`](crate::UsageSystemStore).
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use super::ledger::{Ledger, Somebody, TODAY, call, turn};
use crate::{Amounts, Day, Whose};

/// Old records are forgotten in batches, of every tenant, and the counters stay as they are.
pub async fn old_records_are_forgotten_and_the_counters_stay(ledger: &Ledger) {
    let tenants = [Somebody::new(), Somebody::new()];
    let mut runs = Vec::new();
    for who in tenants {
        let run = who.run(&[turn(1, 1), call(1, 1, 23), turn(2, 24)]);
        ledger.record(who, &run).await;
        runs.push((who, run));
    }
    let mut before = Vec::new();
    for who in tenants {
        before.push(ledger.days(who.tenant, Whose::Tenant).await);
    }
    let tomorrow = Day(TODAY.0 + 1);
    assert_eq!(ledger.system.prune(TODAY, 10).await.unwrap(), 0);
    assert_eq!(ledger.system.count_old(TODAY).await.unwrap(), 0);
    assert_eq!(ledger.system.count_old(tomorrow).await.unwrap(), 4);
    for expected in [3, 1, 0] {
        assert_eq!(ledger.system.prune(tomorrow, 3).await.unwrap(), expected);
    }
    assert_eq!(ledger.system.count_old(tomorrow).await.unwrap(), 0);
    for (who, before) in tenants.iter().zip(before) {
        assert_eq!(ledger.days(who.tenant, Whose::Tenant).await, before);
        assert_eq!(ledger.days(who.tenant, Whose::Person(who.person)).await, before);
    }
    // What is young enough is still known.
    for (who, run) in runs {
        let young = chancery_events::RunUsage {
            used: vec![turn(2, 24)],
            ..run
        };
        assert_eq!(ledger.record(who, &young).await, Amounts::default());
    }
}

/// Turns the clause into a test. `$fresh` is an async expression that yields a [`Ledger`] with nothing in it.
#[macro_export]
macro_rules! usage_system_store_contract {
    ($fresh:expr) => {
        $crate::usage_system_store_contract!(@tests $fresh, old_records_are_forgotten_and_the_counters_stay);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let ledger = $fresh.await;
            $crate::contract::usage_system_store::$clause(&ledger).await;
        }
    )*};
}
