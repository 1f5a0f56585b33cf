//! What [`RunLogSystemStore`] promises.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::sync::Arc;

use chancery_ids::RunId;

use super::{
    run_store,
    turns::{Person, finish, second},
};
use crate::{Finish, RunLogSystemStore, RunStatus};

/// Views of one storage with nothing in it.
pub struct Harness {
    /// What is tested.
    pub logs: Arc<dyn RunLogSystemStore>,
    /// The same storage: writes and reads runs.
    pub stores: run_store::Harness,
}

/// The oldest go first, as many as are asked for, and each says so; the rest stays.
pub async fn old_logs_are_forgotten_oldest_first_and_runs_say_so(harness: &Harness) {
    let person = Person::new(&harness.stores);
    let runs = [
        ended(harness, &person, "a", 30).await,
        ended(harness, &person, "b", 10).await,
        ended(harness, &person, "c", 20).await,
    ];
    assert_eq!(harness.logs.count_old_logs(second(25)).await.unwrap(), 2);
    assert_eq!(harness.logs.forget_old_logs(second(25), 1).await.unwrap(), 1);
    assert_eq!(kept(harness, &person, &runs).await, [true, false, true]);
    assert_eq!(harness.logs.forget_old_logs(second(25), 10).await.unwrap(), 1);
    assert_eq!(kept(harness, &person, &runs).await, [true, false, false]);
    assert_eq!(harness.logs.forget_old_logs(second(25), 10).await.unwrap(), 0);
    assert_eq!(harness.logs.count_old_logs(second(25)).await.unwrap(), 0);
}

/// However old it is, a run that is live keeps its log; and of an old one the answer stays in its conversation.
pub async fn a_live_run_keeps_its_log_and_an_old_one_its_answer(harness: &Harness) {
    let person = Person::new(&harness.stores);
    let live = person.turn("live", second(0));
    harness.stores.runs.begin(&live).await.unwrap();
    let old = ended(harness, &person, "old", 1).await;
    assert_eq!(harness.logs.forget_old_logs(second(1000), 10).await.unwrap(), 1);
    assert_eq!(kept(harness, &person, &[live.id, old]).await, [true, false]);
    let key = chancery_ids::ConversationKey::parse("old").unwrap();
    let threads = &harness.stores.conversations;
    let found = threads
        .find(person.tenant, person.owner, &key)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.message_count, 2);
}

async fn ended(harness: &Harness, person: &Person<'_>, key: &str, at: u64) -> RunId {
    let turn = person.turn(key, second(0));
    harness.stores.runs.begin(&turn).await.unwrap();
    let end = Finish {
        at: second(at),
        ..finish(RunStatus::Completed, Some("yes"), vec![])
    };
    assert!(person.finish(&turn, 1, &end).await);
    turn.id
}

/// Whether each has its log, as the log and the run say alike.
async fn kept(harness: &Harness, person: &Person<'_>, ids: &[RunId]) -> Vec<bool> {
    let runs = &harness.stores.runs;
    let mut kept = Vec::new();
    for id in ids {
        let run = runs
            .find(person.tenant, person.owner, *id)
            .await
            .unwrap()
            .unwrap();
        let log = runs.read_log(person.tenant, *id, 0, 10).await.unwrap();
        assert_eq!(run.log_forgotten, log.is_empty());
        kept.push(!run.log_forgotten);
    }
    kept
}

/// Turns the promises into tests. `$fresh` is an async expression that yields a [`Harness`] over storage
/// with nothing in it.
#[macro_export]
macro_rules! run_log_system_store_contract {
    ($fresh:expr) => {
        $crate::run_log_system_store_contract!(@tests $fresh,
            old_logs_are_forgotten_oldest_first_and_runs_say_so, a_live_run_keeps_its_log_and_an_old_one_its_answer);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let harness = $fresh.await;
            $crate::contract::run_log_system_store::$clause(&harness).await;
        }
    )*};
}
