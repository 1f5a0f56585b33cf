//! The MUST clauses of [`UsageStore`](crate::UsageStore).
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use super::ledger::{Ledger, Somebody, TODAY, turn};
use crate::{Day, Whose};

/// A tenant sees its own use alone, a person theirs, also where a person is in two tenants.
pub async fn use_is_seen_in_its_tenant_and_by_its_person_alone(ledger: &Ledger) {
    let ada = Somebody::new();
    let elsewhere = Somebody {
        person: ada.person,
        ..Somebody::new()
    };
    let (colleague, nobody) = (ada.colleague(), Somebody::new());
    for (who, times) in [(ada, 1), (colleague, 2), (elsewhere, 4)] {
        for _ in 0..times {
            ledger.record(who, &who.run(&[turn(1, 1)])).await;
        }
    }
    for (tenant, whose, requests) in [
        (ada.tenant, Whose::Tenant, 3),
        (ada.tenant, Whose::Person(ada.person), 1),
        (ada.tenant, Whose::Person(colleague.person), 2),
        (elsewhere.tenant, Whose::Tenant, 4),
        (elsewhere.tenant, Whose::Person(ada.person), 4),
        (elsewhere.tenant, Whose::Person(colleague.person), 0),
        (nobody.tenant, Whose::Tenant, 0),
    ] {
        let days = ledger.days(tenant, whose).await;
        let seen: u64 = days.iter().map(|(_, amounts)| amounts.requests).sum();
        assert_eq!(seen, requests, "{whose:?}");
    }
}

/// Days come newest first, from the first of a range to before its end, no more than asked for.
pub async fn days_of_a_range_come_newest_first(ledger: &Ledger) {
    let ada = Somebody::new();
    for day in [0, 1, 3, 4] {
        ledger.record(ada, &ada.run(&[turn(1, day * 24)])).await;
    }
    let list = async |from: i32, until: i32, limit| -> Vec<i32> {
        let days = Day(TODAY.0 + from)..Day(TODAY.0 + until);
        let listed = ledger
            .store
            .list_days(ada.tenant, Whose::Tenant, days, limit)
            .await;
        let listed = listed.unwrap().into_iter();
        listed.map(|counter| counter.day.0 - TODAY.0).collect()
    };
    assert_eq!(list(0, 5, 10).await, [4, 3, 1, 0]);
    assert_eq!(list(1, 4, 10).await, [3, 1]);
    assert_eq!(list(0, 5, 3).await, [4, 3, 1]);
    assert_eq!(list(2, 3, 10).await, [0; 0]);
    assert_eq!(list(4, 2, 10).await, [0; 0]);
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields a [`Ledger`] with nothing in it.
#[macro_export]
macro_rules! usage_store_contract {
    ($fresh:expr) => {
        $crate::usage_store_contract!(@tests $fresh,
            use_is_seen_in_its_tenant_and_by_its_person_alone, days_of_a_range_come_newest_first);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let ledger = $fresh.await;
            $crate::contract::usage_store::$clause(&ledger).await;
        }
    )*};
}
