//! The MUST clauses of [`ApprovalStore`], and of [`RunStore::pause`](crate::RunStore::pause).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::{sync::Arc, time::Duration};

use chancery_ambient::{Ambient, Timestamp};
use chancery_events::Used;
use chancery_ids::{ApprovalId, ConversationKey};
use futures::future::join_all;

use super::{
    run_store,
    turns::{Person, event, finish, flush, second},
};
use crate::{
    Approval, ApprovalState, ApprovalStore, Decision, Flushed, NewRun, Pause, RunStatus, RunSystemStore,
    Settled, Settlement,
};

/// Views of one storage with nothing in it.
pub struct Harness {
    /// What is tested.
    pub approvals: Arc<dyn ApprovalStore>,
    /// The same storage: finds what expired.
    pub system: Arc<dyn RunSystemStore>,
    /// The same storage: writes and reads runs.
    pub stores: run_store::Harness,
}

fn pending(run: &NewRun, expires_at: Timestamp) -> Pause {
    let approval = Approval {
        id: Ambient::system().new_id(),
        run: run.id,
        conversation_key: ConversationKey::parse("a").unwrap(),
        agent: "triage".to_owned(),
        tool: "hammer".to_owned(),
        call_id: "call_1".to_owned(),
        arguments: r#"{"query":"a nail"}"#.to_owned(),
        state: ApprovalState::Pending,
        asked_at: second(3),
        expires_at,
        settled_at: None,
        reason: None,
    };
    Pause {
        approval,
        events: vec![event(2)],
        active_agent: "coder".to_owned(),
        used: vec![Used::at(1, 0, second(1))],
        checkpoint: r#"{"so":"far"}"#.to_owned(),
    }
}

fn settlement(approved: bool, at: u64) -> Settlement {
    Settlement {
        decision: Decision {
            approved,
            reason: Some("as agreed".to_owned()),
        },
        at: second(at),
        lease_until: second(at).plus(Duration::from_secs(15)),
    }
}

/// A run of Ada's that waits until second 100.
async fn waiting(harness: &Harness) -> (Person<'_>, NewRun, Approval) {
    let ada = Person::new(&harness.stores);
    let run = ada.begin("a").await;
    let pause = pending(&run, second(100));
    let runs = &harness.stores.runs;
    assert!(runs.pause(ada.tenant, run.id, 1, &pause, &[]).await.unwrap());
    (ada, run, pause.approval)
}

/// A pause leaves the approval, the events and a run that waits and that nobody may write.
pub async fn a_pause_stores_what_is_waited_for_and_shuts_the_writer_out(harness: &Harness) {
    let (ada, run, approval) = waiting(harness).await;
    let runs = &harness.stores.runs;
    let stored = runs.find(ada.tenant, ada.owner, run.id).await.unwrap().unwrap();
    assert_eq!(
        (stored.status, stored.approval),
        (RunStatus::AwaitingApproval, Some(approval.id))
    );
    assert_eq!((stored.lease_until, stored.ended_at), (second(100), None));
    assert_eq!(stored.active_agent, "coder");
    assert_eq!(stored.used, [Used::at(1, 0, second(1))]);
    assert_eq!(ada.ids(&run).await, [1, 2]);
    let find = |who: &Person<'_>| {
        harness
            .approvals
            .find_approval(who.tenant, who.owner, approval.id)
    };
    assert_eq!(find(&ada).await.unwrap(), Some(approval.clone()));
    assert_eq!(find(&ada.colleague()).await.unwrap(), None);
    assert_eq!(find(&Person::new(&harness.stores)).await.unwrap(), None);

    let late = runs.flush(ada.tenant, run.id, 1, &flush([3])).await.unwrap();
    assert_eq!(late, Flushed::Lost);
    assert!(
        !ada.finish(&run, 1, &finish(RunStatus::Completed, Some("late"), vec![]))
            .await
    );
    let taken = runs
        .take_over(ada.tenant, run.id, second(1000), second(2000))
        .await
        .unwrap();
    assert_eq!(taken, None);
}

/// A pause whose answer was lost is repeated without harm; one of an older epoch does nothing.
pub async fn a_pause_is_safe_to_repeat_and_belongs_to_its_epoch(harness: &Harness) {
    let ada = Person::new(&harness.stores);
    let run = ada.begin("a").await;
    let (pause, runs) = (pending(&run, second(100)), &harness.stores.runs);
    assert!(!runs.pause(ada.tenant, run.id, 2, &pause, &[]).await.unwrap());
    for _ in 0..2 {
        assert!(runs.pause(ada.tenant, run.id, 1, &pause, &[]).await.unwrap());
    }
    assert_eq!(ada.ids(&run).await, [1, 2]);
    let pending = harness
        .approvals
        .list_pending(ada.tenant, ada.owner, second(4), 10);
    assert_eq!(pending.await.unwrap(), [pause.approval]);
}

/// Of sixteen who settle it, and sixteen who take it back, one has the run.
pub async fn one_of_many_has_the_run(harness: &Harness) {
    let (ada, run, approval) = waiting(harness).await;
    let store = &harness.approvals;
    let settling = join_all((0..16).map(async |number| {
        let settlement = settlement(number % 2 == 0, 10);
        let settled = store.settle(ada.tenant, ada.owner, approval.id, &settlement, &[]);
        settled.await.unwrap() != Settled::Closed
    }));
    let taking = join_all((0..16).map(async |_| {
        let state = ApprovalState::Withdrawn;
        let taken = store.take_back(ada.tenant, approval.id, state, second(10), second(25));
        taken.await.unwrap().is_some()
    }));
    let (settled, taken) = futures::join!(settling, taking);
    assert_eq!(settled.into_iter().chain(taken).filter(|won| *won).count(), 1);
    let stored = harness
        .stores
        .runs
        .find(ada.tenant, ada.owner, run.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (stored.status, stored.approval, stored.epoch),
        (RunStatus::Running, None, 2)
    );
}

/// Who settles it gets the checkpoint; the approval says what was decided, and is listed no more.
pub async fn settling_gives_the_checkpoint_and_raises_the_epoch(harness: &Harness) {
    let (ada, _, approval) = waiting(harness).await;
    let store = &harness.approvals;
    let settlement = settlement(true, 10);
    let settled = store.settle(ada.tenant, ada.owner, approval.id, &settlement, &[]);
    let Settled::Resumed(run, checkpoint) = settled.await.unwrap() else {
        panic!("it was pending");
    };
    assert_eq!((run.epoch, run.status), (2, RunStatus::Running));
    assert_eq!(run.lease_until, second(25));
    assert_eq!(checkpoint, r#"{"so":"far"}"#);
    let found = store
        .find_approval(ada.tenant, ada.owner, approval.id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.state, found.settled_at),
        (ApprovalState::Approved, Some(second(10)))
    );
    assert_eq!(found.reason.as_deref(), Some("as agreed"));
    assert!(
        store
            .list_pending(ada.tenant, ada.owner, second(11), 10)
            .await
            .unwrap()
            .is_empty()
    );
}

/// Nobody else settles it, nor anybody whose time is over, nor anybody once the run was asked to stop.
pub async fn only_its_owner_settles_it_and_in_time(harness: &Harness) {
    let (ada, run, approval) = waiting(harness).await;
    let settle = async |who: &Person<'_>, id: ApprovalId, at: u64| {
        let settlement = settlement(true, at);
        let settled = harness
            .approvals
            .settle(who.tenant, who.owner, id, &settlement, &[]);
        settled.await.unwrap()
    };
    let closed = Settled::Closed;
    assert_eq!(settle(&ada.colleague(), approval.id, 10).await, closed);
    assert_eq!(
        settle(&Person::new(&harness.stores), approval.id, 10).await,
        closed
    );
    assert_eq!(settle(&ada, Ambient::system().new_id(), 10).await, closed);
    assert_eq!(settle(&ada, approval.id, 100).await, closed);
    assert!(
        harness
            .approvals
            .list_pending(ada.tenant, ada.owner, second(100), 10)
            .await
            .unwrap()
            .is_empty()
    );
    let stopping = harness.stores.runs.request_cancel(ada.tenant, ada.owner, run.id);
    assert_eq!(stopping.await.unwrap().unwrap().approval, Some(approval.id));
    assert_eq!(settle(&ada, approval.id, 10).await, closed);
}

/// A run that waits is not abandoned before its time is over, whatever leases are.
pub async fn a_waiting_run_is_abandoned_when_its_time_is_over(harness: &Harness) {
    let (_, run, _) = waiting(harness).await;
    let listed = async |leases_before: u64, now: u64| {
        let listed = harness
            .system
            .list_abandoned(second(leases_before), second(now), 10);
        listed
            .await
            .unwrap()
            .into_iter()
            .map(|run| run.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(1_000_000, 100).await, []);
    assert_eq!(listed(0, 101).await, [run.id]);
}

/// Turns the promises into tests. `$fresh` is an async expression that yields a [`Harness`] over storage
/// with nothing in it.
#[macro_export]
macro_rules! approval_store_contract {
    ($fresh:expr) => {
        $crate::approval_store_contract!(@tests $fresh,
            a_pause_stores_what_is_waited_for_and_shuts_the_writer_out,
            a_pause_is_safe_to_repeat_and_belongs_to_its_epoch, one_of_many_has_the_run,
            settling_gives_the_checkpoint_and_raises_the_epoch, only_its_owner_settles_it_and_in_time,
            a_waiting_run_is_abandoned_when_its_time_is_over);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let harness = $fresh.await;
            $crate::contract::approval_store::$clause(&harness).await;
        }
    )*};
}
