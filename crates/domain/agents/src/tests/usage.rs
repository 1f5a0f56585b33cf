use std::{sync::atomic::Ordering, time::Duration};

use chancery_events::{EventKind, RunUsage};
use chancery_ids::RunId;

use super::{POLICIES, code_of, world};
use crate::{
    Decision, FlushPolicy, RunEvent, RunStatus, Usage, What,
    testing::{Step, World, call, text},
};

/// What each announced event of the run tells, in order.
fn told(world: &World, run: RunId) -> Vec<(EventKind, RunUsage)> {
    let mut told = Vec::new();
    for event in world.storage.announced() {
        if let Some(usage) = RunUsage::of(&event).unwrap() {
            assert_eq!(usage.run, run);
            told.push((event.kind, usage));
        }
    }
    told
}

/// The names of what was used.
fn names(usage: &RunUsage) -> Vec<(u32, u32)> {
    usage.used.iter().map(|used| (used.step, used.call)).collect()
}

fn total_of(log: &[RunEvent]) -> Usage {
    let What::Final { usage, .. } = &log.last().unwrap().what else {
        panic!("{log:?}");
    };
    *usage
}

fn decision(approved: bool) -> Decision {
    Decision {
        approved,
        reason: None,
    }
}

#[tokio::test]
async fn turns_and_calls_are_named_by_their_place_whatever_ids_the_model_gives() {
    let world = world();
    // Every call of the clock has the same id.
    world.model.turn([
        call("clock", "{}"),
        call("transfer_to_coder", "{}"),
        call("clock", "{}"),
    ]);
    world.model.turn([call("clock", "{}")]);
    world.model.turn([text("noon")]);
    let started = world.start("when?").await;
    let run = started.run;
    let outcome = started.outcome().await.unwrap();
    let told = told(&world, run);
    let [(EventKind::RunCompleted, usage)] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(usage.person, world.caller.require_person().unwrap());
    assert_eq!(names(usage), [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (3, 0)]);
    assert_eq!(Usage::sum(&usage.used), outcome.usage);
    assert_eq!((outcome.usage.requests, outcome.usage.input_tokens), (3, 30));
}

#[tokio::test]
async fn an_end_or_a_wait_whose_answer_was_lost_is_told_once() {
    for policy in POLICIES {
        let world = World::new(policy);
        world.storage.fail_late.store(true, Ordering::SeqCst);
        world.model.turn([text("noon")]);
        world.model.turn([call("mail", "{}")]);
        for waits in [false, true] {
            world.storage.failures.store(1, Ordering::SeqCst);
            let started = world.start("x").await;
            world.pass(Duration::from_secs(1)).await;
            assert_eq!(started.outcome().await.unwrap().approval.is_some(), waits);
            assert_eq!(world.storage.failures.load(Ordering::SeqCst), 0);
        }
        let announced = world.storage.announced();
        let told = announced.iter().map(|event| {
            let usage = RunUsage::of(event).unwrap().unwrap();
            (event.kind, names(&usage))
        });
        let once = [EventKind::RunCompleted, EventKind::RunPaused].map(|kind| (kind, vec![(1, 0)]));
        assert_eq!(told.collect::<Vec<_>>(), once);
    }
}

#[tokio::test]
async fn calls_that_are_refused_are_not_used() {
    let world = world();
    world.model.turn([
        call("hammer", "{}"),
        call("clock", r#"{"no":"such"}"#),
        call("clock", "{}"),
    ]);
    world.model.turn([text("well")]);
    let started = world.start("x").await;
    let run = started.run;
    started.outcome().await.unwrap();
    assert_eq!(world.tool.entered(), 1);
    assert_eq!(names(&told(&world, run)[0].1), [(1, 0), (1, 3), (2, 0)]);
}

#[tokio::test]
async fn a_turn_of_the_model_that_broke_off_counts_as_one_without_tokens() {
    let world = world();
    world.model.broken_turn([text("half")]);
    let started = world.start("x").await;
    let run = started.run;
    let outcome = started.outcome().await.unwrap();
    assert_eq!(outcome.usage.requests, 1);
    let told = told(&world, run);
    assert_eq!(
        (told[0].0, names(&told[0].1)),
        (EventKind::RunFailed, vec![(1, 0)])
    );
    assert_eq!(told[0].1.used[0].output_tokens, 0);
}

#[tokio::test]
async fn a_run_that_goes_on_after_a_wait_goes_on_counting() {
    for (policy, approved) in POLICIES.into_iter().zip([true, false]) {
        let world = World::new(policy);
        world.model.turn([
            call("clock", "{}"),
            call("mail", r#"{"query":"noon"}"#),
            call("clock", "{}"),
        ]);
        let started = world.start("mail the time").await;
        let run = started.run;
        let waiting = started.outcome().await.unwrap();
        assert_eq!(waiting.usage.requests, 1);

        let mut later = World::over(world.storage.clone(), policy);
        later.caller = world.caller.clone();
        later.model.turn([text("Done.")]);
        let approval = waiting.approval.unwrap();
        let settled = later.service.settle(&later.caller, approval, decision(approved));
        settled.await.unwrap();
        later.pass(Duration::from_secs(2)).await;

        let told = told(&world, run);
        let [(EventKind::RunPaused, before), (EventKind::RunCompleted, after)] = told.as_slice() else {
            panic!("{told:?}");
        };
        assert_eq!(names(before), [(1, 0), (1, 1)]);
        let made: &[_] = if approved { &[(1, 2)] } else { &[] };
        assert_eq!(
            names(after),
            [&[(1, 0), (1, 1)], made, &[(1, 3), (2, 0)]].concat()
        );
        // What was told before is told again as it was.
        assert_eq!(after.used[..2], before.used);
        let total = total_of(&world.storage.log(run));
        assert_eq!((total.requests, total.input_tokens), (2, 20));
    }
}

#[tokio::test]
async fn a_run_that_is_ended_while_it_waits_tells_what_it_used() {
    for expires in [false, true] {
        let world = world();
        world.model.turn([call("clock", "{}"), call("mail", "{}")]);
        let started = world.start("mail the time").await;
        let run = started.run;
        started.outcome().await.unwrap();
        let kind = if expires {
            world.clock.advance(Duration::from_hours(25));
            assert_eq!(world.service.recover_abandoned().await.unwrap(), 1);
            assert_eq!(code_of(&world.storage.log(run)), "approval_expired");
            EventKind::RunFailed
        } else {
            world.service.cancel(&world.caller, run).await.unwrap();
            let total = total_of(&world.storage.log(run));
            assert_eq!(
                (total.requests, total.input_tokens, total.output_tokens),
                (1, 10, 3)
            );
            EventKind::RunCancelled
        };
        let told = told(&world, run);
        assert_eq!(told.len(), 2);
        assert_eq!(told[1], (kind, told[0].1.clone()));
    }
}

#[tokio::test]
async fn a_run_whose_owner_is_gone_tells_what_its_last_flush_knew() {
    for policy in POLICIES {
        let gone = World::new(policy);
        gone.model.turn([call("clock", "{}")]);
        gone.model.broken_turn([text("half an answer"), Step::Hang]);
        let started = gone.start("x").await;
        gone.pass(Duration::from_secs(2)).await;
        let other = World::over(gone.storage.clone(), policy);
        other.clock.advance(Duration::from_mins(1));
        assert_eq!(other.service.recover_abandoned().await.unwrap(), 1);
        let told = told(&gone, started.run);
        assert_eq!(told[0].0, EventKind::RunFailed);
        assert_eq!(names(&told[0].1), [(1, 0), (1, 1), (2, 0)]);
        assert_eq!(told[0].1.used[0].input_tokens, 10);
        // The one that stalled wakes up, finds itself out and tells nothing more.
        gone.pass(Duration::from_mins(2)).await;
        assert_eq!(gone.storage.announced().len(), 1);
    }
}

#[tokio::test]
async fn what_is_used_goes_with_the_flush_of_the_events_around_it() {
    let world = World::new(FlushPolicy::AfterReaders);
    world.model.turn([call("hang", "{}")]);
    let started = world.start("x").await;
    world.pass(Duration::from_secs(2)).await;
    let run = world.storage.run(started.run);
    assert_eq!((run.status, run.used.len()), (RunStatus::Running, 2));
    // The beginning and one flush.
    assert_eq!(world.commits(), 2);
}
