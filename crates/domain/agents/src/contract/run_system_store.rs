//! What [`RunSystemStore`] promises.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::sync::Arc;

use chancery_events::Used;
use chancery_ids::RunId;

use super::{
    run_store,
    turns::{KEPT, Person, finish, flush, second},
};
use crate::{Begun, Flush, Flushed, RunStatus, RunSystemStore};

/// Views of one storage with nothing in it.
pub struct Harness {
    /// What is tested.
    pub system: Arc<dyn RunSystemStore>,
    /// The same storage: writes and reads runs.
    pub stores: run_store::Harness,
}

/// Runs of every tenant whose lease is over, the oldest lease first.
pub async fn abandoned_runs_come_oldest_lease_first(harness: &Harness) {
    let mut runs = Vec::new();
    for start in [30, 10, 20] {
        let person = Person::new(&harness.stores);
        let turn = person.turn("a", second(start));
        harness.stores.runs.begin(&turn).await.unwrap();
        runs.push((start, turn.id));
    }
    runs.sort_unstable();
    let by_lease: Vec<RunId> = runs.into_iter().map(|(_, run)| run).collect();
    assert_eq!(listed(harness, 100, 10).await, by_lease);
    assert_eq!(listed(harness, 100, 2).await, by_lease.get(..2).unwrap());
    // Leases end at 25, 35 and 45.
    assert_eq!(listed(harness, 36, 10).await, by_lease.get(..2).unwrap());
    assert_eq!(listed(harness, 25, 10).await, []);
}

/// A run that has ended, or that somebody took over, is not abandoned.
pub async fn ended_and_taken_runs_are_not_abandoned(harness: &Harness) {
    let ada = Person::new(&harness.stores);
    ada.answered("a").await;
    let taken = ada.begin("b").await;
    harness
        .stores
        .runs
        .take_over(ada.tenant, taken.id, second(100), second(200))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(listed(harness, 150, 10).await, []);
}

/// What a run has used stays as it was last written, for whoever takes the run over, until it ends.
pub async fn what_a_run_used_is_kept_until_it_ends(harness: &Harness) {
    let (runs, ada) = (&harness.stores.runs, Person::new(&harness.stores));
    let new = ada.begin("a").await;
    let used = vec![
        Used {
            input_tokens: 12,
            output_tokens: Used::MOST_TOKENS,
            ..Used::at(1, 0, second(1))
        },
        Used::at(1, 1, second(2)),
    ];
    let more = Flush {
        used: Some(used.clone()),
        ..flush([2])
    };
    for flush in [&more, &flush([3])] {
        assert_eq!(ada.flush(&new, 1, flush).await, KEPT);
    }
    let late = Flush {
        used: Some(Vec::new()),
        ..flush([4])
    };
    assert_eq!(ada.flush(&new, 2, &late).await, Flushed::Lost);
    let taken = runs.take_over(ada.tenant, new.id, second(100), second(115)).await;
    assert_eq!(taken.unwrap().unwrap().used, used);
    let ended = finish(RunStatus::Failed, None, vec![]);
    assert!(ada.finish(&new, 2, &ended).await);
    let ended = runs.find(ada.tenant, ada.owner, new.id).await.unwrap();
    assert_eq!(ended.unwrap().used, []);
}

/// Runs that work and were asked to stop, whoever's they are; none that ended meanwhile.
pub async fn runs_to_stop_are_those_that_work_and_were_asked(harness: &Harness) {
    let (ada, bob) = (Person::new(&harness.stores), Person::new(&harness.stores));
    let mut asked = Vec::new();
    for person in [&ada, &bob] {
        person.begin("goes on").await;
        let run = person.begin("is stopped").await;
        let ended = person.answered("has ended").await;
        for run in [&run, &ended] {
            let cancelled = harness
                .stores
                .runs
                .request_cancel(person.tenant, person.owner, run.id);
            cancelled.await.unwrap().unwrap();
        }
        asked.push(run.id);
    }
    let mut told = harness.system.list_to_stop(10).await.unwrap();
    told.sort_unstable();
    asked.sort_unstable();
    assert_eq!(told, asked);
    assert_eq!(harness.system.list_to_stop(1).await.unwrap().len(), 1);
}

/// Names of turns are forgotten by their age, and are free from then on; their runs stay.
pub async fn names_of_turns_are_forgotten_by_age(harness: &Harness) {
    let ada = Person::new(&harness.stores);
    let mut named = Vec::new();
    for (at, key) in [(100, "old"), (200, "new")] {
        let turn = ada.named_turn(key, key, at);
        let begun = harness.stores.runs.begin(&turn).await.unwrap();
        assert!(matches!(begun, Begun::Started { .. }), "{begun:?}");
        named.push(turn);
    }
    assert_eq!(harness.system.prune_claims(second(200)).await.unwrap(), 1);
    assert_eq!(harness.system.prune_claims(second(200)).await.unwrap(), 0);
    let again = ada.named_turn("elsewhere", "old", 300);
    let begun = harness.stores.runs.begin(&again).await.unwrap();
    assert!(matches!(begun, Begun::Started { .. }), "{begun:?}");
    let repeated = ada.named_turn("new", "new", 300);
    let begun = harness.stores.runs.begin(&repeated).await.unwrap();
    let runs: Vec<RunId> = named.iter().map(|turn| turn.id).collect();
    assert_eq!(
        Some(&begun),
        runs.get(1).map(|run| Begun::Repeated(*run)).as_ref()
    );
    for run in runs {
        let found = harness.stores.runs.find(ada.tenant, ada.owner, run).await;
        assert!(found.unwrap().is_some());
    }
}

async fn listed(harness: &Harness, at: u64, limit: u16) -> Vec<RunId> {
    let runs = harness
        .system
        .list_abandoned(second(at), second(at), limit)
        .await
        .unwrap();
    runs.into_iter().map(|run| run.id).collect()
}

/// Turns the promises into tests. `$fresh` is an async expression that yields a [`Harness`] over storage
/// with nothing in it.
#[macro_export]
macro_rules! run_system_store_contract {
    ($fresh:expr) => {
        $crate::run_system_store_contract!(@tests $fresh,
            abandoned_runs_come_oldest_lease_first, ended_and_taken_runs_are_not_abandoned,
            what_a_run_used_is_kept_until_it_ends, runs_to_stop_are_those_that_work_and_were_asked,
            names_of_turns_are_forgotten_by_age);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let harness = $fresh.await;
            $crate::contract::run_system_store::$clause(&harness).await;
        }
    )*};
}
