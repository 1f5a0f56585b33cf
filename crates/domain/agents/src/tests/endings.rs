use std::time::Duration;

use chancery_conversations::MessageStatus;
use chancery_events::EventKind;

use super::{POLICIES, assert_whole, code_of, end_of, outline, world};
use crate::{
    ChatRefused, FinalStatus, FlushPolicy, ModelError, RunStatus,
    testing::{Step, World, call, text},
};

fn assert_kept_incomplete(world: &World, text: &str) {
    let messages = world.storage.messages();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[1].content, text);
    assert!(
        messages
            .iter()
            .all(|message| message.status == MessageStatus::Incomplete)
    );
}

#[tokio::test]
async fn a_model_that_fails_in_mid_answer_leaves_its_text() {
    for flush in POLICIES {
        let world = World::new(flush);
        world
            .model
            .broken_turn([text("half an "), text("ans"), Step::Fail(ModelError::RateLimited)]);
        let log = world.log_of("x").await;
        assert_eq!(code_of(&log), "model_rate_limited");
        let outline = outline(&log);
        assert_eq!(
            outline[outline.len() - 3..],
            ["item_done incomplete", "lifecycle failed", "error"]
        );
        assert_whole(&log);
        assert_kept_incomplete(&world, "half an ans");
        assert_eq!(world.storage.announced()[0].kind, EventKind::RunFailed);
        assert_eq!(world.fan_out.carried(), 0);
    }
}

#[tokio::test]
async fn a_model_whose_stream_merely_stops_has_failed() {
    let world = world();
    world.model.broken_turn([text("half")]);
    assert_eq!(code_of(&world.log_of("x").await), "model_stream_broken");
}

#[tokio::test]
async fn a_run_is_stopped_in_the_middle_of_its_answer_and_of_a_call() {
    for in_a_call in [false, true] {
        let world = world();
        let end = if in_a_call { call("hang", "{}") } else { Step::Hang };
        if in_a_call {
            world.model.turn([text("half"), end]);
        } else {
            world.model.broken_turn([text("half"), end]);
        }
        let started = world.start("x").await;
        let run = started.run;
        world.settle().await;
        assert_eq!(world.hang.entered(), usize::from(in_a_call));
        assert!(world.service.cancel(&world.caller, run).await.unwrap().is_some());
        let outcome = started.outcome().await.unwrap();
        assert_eq!(
            (outcome.status, outcome.text.as_str()),
            (RunStatus::Cancelled, "half")
        );
        let log = world.storage.log(run);
        assert_eq!(end_of(&log), (FinalStatus::Cancelled, "half".to_owned()));
        assert_whole(&log);
        let (added, done) = outline(&log).iter().fold((0, 0), |(added, done), name| {
            (
                added + usize::from(name.starts_with("item_added")),
                done + usize::from(name.starts_with("item_done")),
            )
        });
        assert_eq!(added, done, "every item has an end");
        assert_kept_incomplete(&world, "half");
        let again = world.service.cancel(&world.caller, run).await.unwrap();
        assert_eq!(again, Some(RunStatus::Cancelled));
    }
}

#[tokio::test]
async fn a_wish_to_stop_on_another_replica_is_heard_within_seconds() {
    let owner = World::new(FlushPolicy::AfterReaders);
    owner.model.broken_turn([text("half"), Step::Hang]);
    let started = owner.start("x").await;
    owner.pass(Duration::from_secs(2)).await;
    let other = World {
        caller: owner.caller.clone(),
        ..World::over(owner.storage.clone(), FlushPolicy::AfterReaders)
    };
    assert_eq!(
        other.service.cancel(&other.caller, started.run).await.unwrap(),
        Some(RunStatus::Running)
    );
    owner.pass(Duration::from_secs(6)).await;
    assert_eq!(started.outcome().await.unwrap().status, RunStatus::Cancelled);
}

#[tokio::test]
async fn somebody_elses_run_is_not_stopped() {
    let world = world();
    world.model.broken_turn([Step::Hang]);
    let started = world.start("x").await;
    let colleague = chancery_access::Principal {
        tenant: world.caller.tenant,
        ..crate::testing::person()
    };
    for other in [colleague, crate::testing::person()] {
        assert_eq!(world.service.cancel(&other, started.run).await.unwrap(), None);
    }
    assert!(!world.storage.run(started.run).cancel_requested);
}

#[tokio::test]
async fn a_run_ends_after_its_time() {
    let world = world();
    world.model.broken_turn([text("half"), Step::Hang]);
    let started = world.start("x").await;
    world.pass(Duration::from_secs(299)).await;
    assert!(world.storage.run(started.run).status.is_live());
    world.pass(Duration::from_secs(2)).await;
    assert_eq!(code_of(&world.storage.log(started.run)), "run_timeout");
    assert_kept_incomplete(&world, "half");
}

#[tokio::test]
async fn a_drain_waits_then_cuts_short_and_begins_nothing_more() {
    let world = world();
    world.model.broken_turn([text("half"), Step::Hang]);
    let started = world.start("x").await;
    let passing = world.pass(Duration::from_secs(4));
    let draining = world.service.drain(Duration::from_secs(3));
    let (cut_short, ()) = futures::join!(draining, passing);
    assert_eq!(cut_short, 1);
    let failure = started.outcome().await.unwrap().failure.unwrap();
    assert_eq!(failure.code, "shutdown");
    assert_kept_incomplete(&world, "half");
    let refused = world.service.start(&world.caller, world.chat("y")).await;
    assert!(matches!(refused, Err(ChatRefused::ShuttingDown)));
}

#[tokio::test]
async fn a_drain_without_runs_is_over_at_once() {
    let world = world();
    world.model.turn([text("done")]);
    world.log_of("x").await;
    assert_eq!(world.service.drain(Duration::from_secs(3)).await, 0);
}
