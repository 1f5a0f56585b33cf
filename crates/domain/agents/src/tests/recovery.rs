use std::time::Duration;

use chancery_conversations::MessageStatus;
use chancery_events::EventKind;

use super::{POLICIES, code_of, outline, said};
use crate::{
    FlushPolicy, RunStatus,
    testing::{Step, World, all, text},
};

/// A process that stalled in mid-answer, and another over the same storage, both a minute later.
async fn stalled(flush: FlushPolicy) -> (World, World, crate::StartedRun) {
    let gone = World::new(flush);
    gone.model
        .broken_turn([text("half an "), text("answer"), Step::Hang]);
    let started = gone.start("x").await;
    gone.pass(Duration::from_secs(2)).await;
    let other = World {
        caller: gone.caller.clone(),
        ..World::over(gone.storage.clone(), flush)
    };
    other.clock.advance(Duration::from_mins(1));
    (gone, other, started)
}

#[tokio::test]
async fn a_run_whose_owner_is_gone_ends_failed_with_its_text() {
    for flush in POLICIES {
        let (gone, other, started) = stalled(flush).await;
        let before = gone.storage.run(started.run);
        assert_eq!(other.service.recover_abandoned().await.unwrap(), 1);
        assert_eq!(other.service.recover_abandoned().await.unwrap(), 0);
        let (run, log) = (gone.storage.run(started.run), gone.storage.log(started.run));
        assert_eq!((run.status, run.epoch), (RunStatus::Failed, 2));
        assert_eq!(code_of(&log), "run_abandoned");
        assert_eq!(said(&log), "half an answer");
        let outline = outline(&log);
        assert_eq!(
            outline[outline.len() - 3..],
            ["item_done incomplete", "lifecycle failed", "error"]
        );
        let added = log.iter().filter(|event| event.id > before.ids_until).count();
        assert_eq!(
            added, 3,
            "the end stands above everything that anybody may have seen"
        );
        let messages = gone.storage.messages();
        assert_eq!(messages[1].content, "half an answer");
        assert!(
            messages
                .iter()
                .all(|message| message.status == MessageStatus::Incomplete)
        );
        assert_eq!(gone.storage.announced()[0].kind, EventKind::RunFailed);
        // The one that stalled wakes up and finds itself out.
        gone.pass(Duration::from_secs(8)).await;
        assert_eq!(started.outcome().await, None);
        assert_eq!(gone.storage.log(run.id), log);
    }
}

#[tokio::test]
async fn a_new_turn_ends_the_abandoned_run_in_its_way() {
    let (_gone, other, started) = stalled(FlushPolicy::AfterReaders).await;
    other.model.turn([text("here I am")]);
    let next = other.start("and now?").await;
    assert_eq!(next.outcome().await.unwrap().text, "here I am");
    assert_eq!(code_of(&other.storage.log(started.run)), "run_abandoned");
    assert_eq!(other.storage.messages().len(), 4);
}

#[tokio::test]
async fn a_process_that_starts_alone_ends_every_live_run() {
    let gone = World::new(FlushPolicy::BeforeReaders);
    gone.model.broken_turn([text("half"), Step::Hang]);
    let started = gone.start("x").await;
    gone.pass(Duration::from_secs(1)).await;
    let new = World::over(gone.storage.clone(), FlushPolicy::BeforeReaders);
    assert_eq!(new.service.recover_abandoned().await.unwrap(), 0);
    assert_eq!(new.service.recover_all().await.unwrap(), 1);
    assert_eq!(code_of(&new.storage.log(started.run)), "run_abandoned");
}

#[tokio::test]
async fn readers_of_a_run_that_is_ended_by_recovery_see_its_end() {
    let world = World::new(FlushPolicy::AfterReaders);
    world.model.broken_turn([text("half"), Step::Hang]);
    let started = world.start("x").await;
    let stream = world.follow(started.run, 0).await;
    world.pass(Duration::from_secs(2)).await;
    assert_eq!(world.service.recover_all().await.unwrap(), 1);
    let (seen, ()) = futures::join!(all(stream), world.pass(Duration::from_secs(3)));
    assert_eq!(seen, world.storage.log(started.run));
    assert_eq!(code_of(&seen), "run_abandoned");
}

#[tokio::test]
async fn recovery_keeps_what_readers_saw_and_the_log_does_not_hold() {
    let world = World::new(FlushPolicy::AfterReaders);
    world.model.broken_turn([text("seen, not flushed"), Step::Hang]);
    let started = world.start("x").await;
    world.settle().await;
    assert_eq!(world.storage.log(started.run).len(), 1);
    assert_eq!(world.service.recover_all().await.unwrap(), 1);
    assert_eq!(said(&world.storage.log(started.run)), "seen, not flushed");
    assert_eq!(world.storage.messages()[1].content, "seen, not flushed");
}
