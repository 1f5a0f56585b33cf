//! The MUST clauses of [`UsageMeter`](crate::UsageMeter).
#![expect(
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use chancery_events::{RunUsage, Used};
use futures::future::join_all;

use super::ledger::{Ledger, Somebody, call, sum, turn};
use crate::{Amounts, Whose};

/// What is used counts for the tenant and for the person.
pub async fn a_use_counts_for_the_tenant_and_the_person(ledger: &Ledger) {
    let ada = Somebody::new();
    let used = [turn(1, 1), call(1, 1, 1), call(1, 2, 2), turn(2, 3)];
    assert_eq!(ledger.record(ada, &ada.run(&used)).await, sum(&used));
    for whose in [Whose::Tenant, Whose::Person(ada.person)] {
        assert_eq!(ledger.days(ada.tenant, whose).await, [(0, sum(&used))]);
    }
}

/// Of a use told again nothing is counted, and that is a success; what is new in the same telling is counted.
pub async fn what_is_told_again_counts_once(ledger: &Ledger) {
    let ada = Somebody::new();
    let used = [turn(1, 1), call(1, 1, 1), turn(2, 2)];
    let whole = ada.run(&used);
    let part = RunUsage {
        used: used[..2].to_vec(),
        ..whole.clone()
    };
    assert_eq!(ledger.record(ada, &part).await, sum(&used[..2]));
    assert_eq!(ledger.record(ada, &whole).await, sum(&used[2..]));
    for again in [&whole, &part] {
        assert_eq!(ledger.record(ada, again).await, Amounts::default());
    }
    assert_eq!(ledger.days(ada.tenant, Whose::Tenant).await, [(0, sum(&used))]);
}

/// A use told twice in one telling, or later with other amounts, stays as it was first told.
pub async fn the_first_telling_of_a_use_counts(ledger: &Ledger) {
    let ada = Somebody::new();
    let other = Used {
        input_tokens: Used::MOST_TOKENS,
        ..turn(1, 30)
    };
    let run = ada.run(&[turn(1, 1), other.clone()]);
    assert_eq!(ledger.record(ada, &run).await, sum(&[turn(1, 1)]));
    let later = RunUsage {
        used: vec![other],
        ..run
    };
    assert_eq!(ledger.record(ada, &later).await, Amounts::default());
    assert_eq!(
        ledger.days(ada.tenant, Whose::Tenant).await,
        [(0, sum(&[turn(1, 1)]))]
    );
}

/// Of sixteen that tell the same at once, in parts and in any order, together they count it once.
pub async fn sixteen_tellings_at_once_count_once(ledger: &Ledger) {
    let ada = Somebody::new();
    let used: Vec<_> = (1..=4)
        .flat_map(|step| [turn(step, 1), call(step, 1, 1), call(step, 2, 26)])
        .collect();
    let whole = ada.run(&used);
    let tellings: Vec<_> = (0..16)
        .map(|number| {
            let mut part = whole.clone();
            part.used
                .truncate(if number % 2 == 0 { used.len() } else { number % 5 });
            if number % 3 == 0 {
                part.used.reverse();
            }
            part
        })
        .collect();
    let counted = join_all(tellings.iter().map(|part| ledger.record(ada, part))).await;
    assert_eq!(counted.into_iter().sum::<Amounts>(), sum(&used));
    let days = ledger.days(ada.tenant, Whose::Person(ada.person)).await;
    assert_eq!(days.len(), 2);
    assert_eq!(
        days.into_iter().map(|(_, amounts)| amounts).sum::<Amounts>(),
        sum(&used)
    );
}

/// Many runs of a tenant counted at once lose nothing of their counters.
pub async fn counters_are_the_sum_of_all_runs(ledger: &Ledger) {
    let ada = Somebody::new();
    let people: Vec<_> = (0..4).map(|_| ada.colleague()).collect();
    let mut runs = Vec::new();
    for number in 0..32 {
        let who = people[number % people.len()];
        runs.push((who, who.run(&[turn(1, 1), call(1, 1, 1), turn(2, 25)])));
    }
    join_all(runs.iter().map(|(who, run)| ledger.record(*who, run))).await;
    let mut together = Vec::new();
    for who in people {
        let own = ledger.days(ada.tenant, Whose::Person(who.person)).await;
        assert_eq!(own.len(), 2);
        assert_eq!((own[1].1.requests, own[1].1.tool_calls), (8, 8));
        together.extend(own);
    }
    let tenants = ledger.days(ada.tenant, Whose::Tenant).await;
    for (day, amounts) in &tenants {
        let of_day = together.iter().filter(|(of, _)| of == day);
        assert_eq!(of_day.map(|(_, amounts)| *amounts).sum::<Amounts>(), *amounts);
    }
    assert_eq!(tenants.iter().map(|(day, _)| *day).collect::<Vec<_>>(), [1, 0]);
}

/// A use counts on the day it happened, whatever is told with it and in whatever order.
pub async fn a_use_counts_on_its_own_day(ledger: &Ledger) {
    let ada = Somebody::new();
    let used = [turn(1, 23), turn(2, 24), call(2, 1, 47), turn(3, 48)];
    let run = ada.run(&used);
    for step in [2, 3, 0, 1] {
        let one = RunUsage {
            used: vec![used[step].clone()],
            ..run.clone()
        };
        ledger.record(ada, &one).await;
    }
    let days = ledger.days(ada.tenant, Whose::Tenant).await;
    assert_eq!(
        days,
        [(2, sum(&used[3..])), (1, sum(&used[1..3])), (0, sum(&used[..1]))]
    );
}

/// The same run and place in another tenant is another use.
pub async fn the_same_names_in_another_tenant_are_other_uses(ledger: &Ledger) {
    let (ada, other) = (Somebody::new(), Somebody::new());
    let run = ada.run(&[turn(1, 1)]);
    for who in [ada, other] {
        assert_eq!(ledger.record(who, &run).await, sum(&[turn(1, 1)]));
        assert_eq!(
            ledger.days(who.tenant, Whose::Tenant).await,
            [(0, sum(&[turn(1, 1)]))]
        );
    }
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields a [`Ledger`] with nothing in it.
#[macro_export]
macro_rules! usage_meter_contract {
    ($fresh:expr) => {
        $crate::usage_meter_contract!(@tests $fresh,
            a_use_counts_for_the_tenant_and_the_person, what_is_told_again_counts_once,
            the_first_telling_of_a_use_counts, sixteen_tellings_at_once_count_once,
            counters_are_the_sum_of_all_runs, a_use_counts_on_its_own_day,
            the_same_names_in_another_tenant_are_other_uses);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let ledger = $fresh.await;
            $crate::contract::usage_meter::$clause(&ledger).await;
        }
    )*};
}
