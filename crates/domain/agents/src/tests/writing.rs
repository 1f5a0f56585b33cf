use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use tokio::sync::Notify;

use super::{POLICIES, assert_whole, end_of, said};
use crate::{
    FlushPolicy,
    testing::{Step, World, text},
};

#[tokio::test]
async fn a_silent_model_does_not_cost_the_lease() {
    for flush in POLICIES {
        let world = World::new(flush);
        world.model.broken_turn([Step::Hang]);
        let started = world.start("x").await;
        for _ in 0..12 {
            world.pass(Duration::from_secs(5)).await;
            let left = world
                .storage
                .run(started.run)
                .lease_until
                .since(chancery_ambient::Clock::now(&*world.clock));
            assert!(left >= Duration::from_secs(9), "{left:?}");
        }
    }
}

#[tokio::test]
async fn the_log_is_written_at_its_pace() {
    for (flush, most) in [(FlushPolicy::BeforeReaders, 402), (FlushPolicy::AfterReaders, 12)] {
        let world = World::new(flush);
        let gates: Vec<_> = (0..100).map(|_| Arc::new(Notify::new())).collect();
        world.model.turn(
            gates
                .iter()
                .flat_map(|gate| [Step::Wait(gate.clone()), text("word ")]),
        );
        let started = world.start("x").await;
        for gate in &gates {
            gate.notify_one();
            world.pass(Duration::from_millis(100)).await;
        }
        started.outcome().await.unwrap();
        assert!(
            world.commits() <= most,
            "{flush:?}: {} commits in ten seconds",
            world.commits()
        );
    }
}

#[tokio::test]
async fn no_event_is_shown_above_the_reservation_however_fast_the_model() {
    // The fan-out of this world checks it at each event.
    for flush in POLICIES {
        let world = World::new(flush);
        world.model.turn((0..9000).map(|_| text("w")));
        let started = world.start("x").await;
        let run = started.run;
        assert_eq!(started.outcome().await.unwrap().text.len(), 9000);
        let log = world.storage.log(run);
        assert_whole(&log);
        let ids: Vec<_> = log.iter().map(|event| event.id).collect();
        let mut shown = world.fan_out.shown(run);
        shown.retain(|id| *id > 1);
        assert_eq!(shown, ids[1..], "every event was shown once, in order");
    }
}

#[tokio::test]
async fn an_owner_that_lost_its_run_writes_and_shows_nothing_more() {
    for flush in POLICIES {
        let world = World::new(flush);
        world.model.broken_turn([text("half"), Step::Hang]);
        let started = world.start("x").await;
        let run = started.run;
        world.pass(Duration::from_secs(2)).await;
        let (log, shown) = (world.storage.log(run), world.fan_out.shown(run));
        world.storage.steal(run);
        world.pass(Duration::from_secs(8)).await;
        assert_eq!(started.outcome().await, None);
        assert_eq!((world.storage.log(run), world.fan_out.shown(run)), (log, shown));
        assert_eq!(world.storage.messages().len(), 1);
        assert_eq!(world.fan_out.carried(), 0);
    }
}

#[tokio::test]
async fn an_owner_that_lost_its_run_while_it_spoke_does_not_end_it() {
    let world = World::new(FlushPolicy::BeforeReaders);
    let gate = Arc::new(Notify::new());
    world
        .model
        .turn([text("half"), Step::Wait(gate.clone()), text(" more")]);
    let started = world.start("x").await;
    world.settle().await;
    world.storage.steal(started.run);
    gate.notify_one();
    let run = started.run;
    assert_eq!(started.outcome().await, None);
    assert!(world.storage.run(run).status.is_live());
    assert!(!world.fan_out.shown(run).iter().any(|id| *id > 1));
}

#[tokio::test]
async fn a_store_that_is_away_for_seconds_loses_nothing() {
    for flush in POLICIES {
        for late in [false, true] {
            let world = World::new(flush);
            let gate = Arc::new(Notify::new());
            world
                .model
                .turn([text("one "), Step::Wait(gate.clone()), text("two")]);
            let started = world.start("x").await;
            let run = started.run;
            world.storage.fail_late.store(late, Ordering::SeqCst);
            world.storage.failures.store(3, Ordering::SeqCst);
            world.pass(Duration::from_secs(5)).await;
            assert_eq!(world.storage.failures.load(Ordering::SeqCst), 0);
            gate.notify_one();
            world.pass(Duration::from_secs(2)).await;
            assert_eq!(started.outcome().await.unwrap().text, "one two");
            let log = world.storage.log(run);
            assert_whole(&log);
            assert_eq!(said(&log), "one two");
        }
    }
}

#[tokio::test]
async fn an_end_whose_answer_was_lost_counts_as_written() {
    let world = World::new(FlushPolicy::BeforeReaders);
    world.model.turn([text("done")]);
    world.storage.fail_late.store(true, Ordering::SeqCst);
    world.storage.failures.store(1, Ordering::SeqCst);
    let started = world.start("x").await;
    let run = started.run;
    world.pass(Duration::from_secs(2)).await;
    assert_eq!(started.outcome().await.unwrap().text, "done");
    assert_eq!(end_of(&world.storage.log(run)).1, "done");
    assert!(
        world
            .fan_out
            .shown(run)
            .contains(&world.storage.log(run).last().unwrap().id)
    );
}

#[tokio::test]
async fn a_store_that_stays_away_costs_the_run_its_lease() {
    let world = World::new(FlushPolicy::AfterReaders);
    world.model.broken_turn([text("half"), Step::Hang]);
    let started = world.start("x").await;
    world.storage.failures.store(u32::MAX, Ordering::SeqCst);
    world.pass(Duration::from_secs(20)).await;
    assert_eq!(started.outcome().await, None);
    assert_eq!(world.fan_out.carried(), 0);
}
