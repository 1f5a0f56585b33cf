//! What [`begin`](crate::RunStore::begin) promises to turns that their client has named.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use futures::future::join_all;

use super::{
    run_store::Harness,
    turns::{Person, finish},
};
use crate::{Begun, NewRun, RunStatus};

/// Of sixteen equal turns sent at once one begins; the others get its run and leave nothing.
pub async fn of_16_equal_turns_at_once_one_begins(harness: &Harness) {
    let ada = Person::new(harness);
    let turns: Vec<_> = (0..16).map(|_| ada.named_turn("a", "k", 0)).collect();
    let begun = join_all(turns.iter().map(|turn| harness.runs.begin(turn))).await;
    let answers = turns
        .iter()
        .zip(begun)
        .map(|(turn, begun)| (turn.id, begun.unwrap()));
    let (started, repeated): (Vec<_>, Vec<_>) =
        answers.partition(|(_, begun)| matches!(begun, Begun::Started { .. }));
    let [(run, _)] = *started.as_slice() else {
        unreachable!("one begins: {started:?}");
    };
    assert_eq!(repeated.len(), 15);
    assert!(repeated.iter().all(|(_, begun)| *begun == Begun::Repeated(run)));
    assert_eq!(ada.messages("a").await.len(), 1);
    for (other, _) in repeated {
        assert_eq!(
            harness.runs.find(ada.tenant, ada.owner, other).await.unwrap(),
            None
        );
    }
}

/// The same turn gets its run while that works, when it has ended, and when another run of the conversation is live.
pub async fn the_same_turn_gets_its_run_whatever_goes_on(harness: &Harness) {
    let ada = Person::new(harness);
    let first = begun(harness, ada.named_turn("a", "k", 0)).await;
    let again = || async { harness.runs.begin(&ada.named_turn("a", "k", 9)).await.unwrap() };
    assert_eq!(again().await, Begun::Repeated(first.id));
    assert!(
        ada.finish(&first, 1, &finish(RunStatus::Completed, Some("yes"), vec![]))
            .await
    );
    assert_eq!(again().await, Begun::Repeated(first.id));
    ada.begin("a").await;
    assert_eq!(again().await, Begun::Repeated(first.id));
    assert_eq!(ada.messages("a").await.len(), 3);
    // The store's own repetition of the command is no second turn.
    let repeated = harness.runs.begin(&first).await.unwrap();
    assert!(
        matches!(repeated, Begun::Started { position: 0, .. }),
        "{repeated:?}"
    );
}

/// Another turn under the same name is refused and leaves nothing.
pub async fn another_turn_under_the_name_is_refused(harness: &Harness) {
    let ada = Person::new(harness);
    begun(harness, ada.named_turn("a", "k", 0)).await;
    let other = ada.named_turn("b", "k", 0);
    assert_eq!(harness.runs.begin(&other).await.unwrap(), Begun::KeyReused);
    assert_eq!(
        harness.runs.find(ada.tenant, ada.owner, other.id).await.unwrap(),
        None
    );
}

/// Names belong to one principal of one tenant, for one route.
pub async fn names_of_others_are_other_names(harness: &Harness) {
    let ada = Person::new(harness);
    for person in [&ada, &ada.colleague(), &Person::new(harness)] {
        begun(harness, person.named_turn("a", "k", 0)).await;
    }
    let mut streamed = ada.named_turn("b", "k", 0);
    if let Some(claim) = &mut streamed.claim {
        claim.route = "chat/stream";
    }
    begun(harness, streamed).await;
}

/// A turn that meets a live run keeps no name: it may be sent again when that has ended.
pub async fn a_turn_that_did_not_begin_keeps_no_name(harness: &Harness) {
    let ada = Person::new(harness);
    let live = ada.begin("a").await;
    let busy = harness.runs.begin(&ada.named_turn("a", "k", 0)).await.unwrap();
    assert!(matches!(&busy, Begun::Busy(run) if run.id == live.id), "{busy:?}");
    assert!(
        ada.finish(&live, 1, &finish(RunStatus::Failed, None, vec![]))
            .await
    );
    begun(harness, ada.named_turn("a", "k", 1)).await;
}

async fn begun(harness: &Harness, turn: NewRun) -> NewRun {
    let begun = harness.runs.begin(&turn).await.unwrap();
    assert!(matches!(begun, Begun::Started { .. }), "{begun:?}");
    turn
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields a [`Harness`] over storage with nothing in it.
#[macro_export]
macro_rules! named_turns_contract {
    ($fresh:expr) => {
        $crate::named_turns_contract!(@tests $fresh,
            of_16_equal_turns_at_once_one_begins, the_same_turn_gets_its_run_whatever_goes_on,
            another_turn_under_the_name_is_refused, names_of_others_are_other_names,
            a_turn_that_did_not_begin_keeps_no_name);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let harness = $fresh.await;
            $crate::contract::named_turns::$clause(&harness).await;
        }
    )*};
}
