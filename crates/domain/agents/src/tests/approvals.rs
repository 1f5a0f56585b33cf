use std::{sync::Arc, time::Duration};

use chancery_access::{Scope, Subject};
use chancery_events::EventKind;
use chancery_ids::ApprovalId;

use super::{POLICIES, assert_whole, code_of, end_of, said, world};
use crate::{
    ApprovalRefused, ApprovalState, Decision, FinalStatus, FlushPolicy, RunEvent, RunStatus, ToolCallStatus,
    What,
    testing::{World, all, call, text},
};

fn yes() -> Decision {
    Decision {
        approved: true,
        reason: None,
    }
}

fn no() -> Decision {
    Decision {
        approved: false,
        reason: Some("not on a Sunday".to_owned()),
    }
}

/// Says something, hands the clock's answer on, and wants to mail it.
async fn waiting(world: &World) -> (chancery_ids::RunId, ApprovalId) {
    world.model.turn([
        text("I shall mail it."),
        call("clock", "{}"),
        call("mail", r#"{"query":"noon"}"#),
        call("clock", "{}"),
    ]);
    let started = world.start("mail the time").await;
    let run = started.run;
    let outcome = started.outcome().await.unwrap();
    assert_eq!(outcome.status, RunStatus::AwaitingApproval);
    assert_eq!(outcome.text, "I shall mail it.");
    (run, outcome.approval.unwrap())
}

/// The log of a run that goes on by itself.
async fn ended(world: &World, run: chancery_ids::RunId) -> Vec<RunEvent> {
    world.pass(Duration::from_secs(2)).await;
    let log = world.storage.log(run);
    assert_eq!(all(world.follow(run, 0).await).await, log);
    log
}

fn answers(log: &[RunEvent]) -> Vec<Option<bool>> {
    let mut answers = Vec::new();
    for event in log {
        if let What::ToolApproval { approved, .. } = event.what {
            answers.push(approved);
        }
    }
    answers
}

#[tokio::test]
async fn a_run_waits_and_goes_on_in_another_process_where_it_stood() {
    for policy in POLICIES {
        let world = World::new(policy);
        let (run, approval) = waiting(&world).await;
        assert_eq!((world.tool.entered(), world.mail.entered()), (1, 0));
        let asked = world.service.pending_approvals(&world.caller).await.unwrap();
        assert_eq!(asked.len(), 1);
        assert_eq!((asked[0].id, asked[0].tool.as_str()), (approval, "mail"));
        assert_eq!(asked[0].arguments, r#"{"query":"noon"}"#);

        let mut later = World::over(world.storage.clone(), policy);
        later.caller = world.caller.clone();
        later.model.turn([text("Done.")]);
        let settled = later
            .service
            .settle(&later.caller, approval, yes())
            .await
            .unwrap();
        assert_eq!(settled.state, ApprovalState::Approved);
        let events = ended(&later, run).await;
        assert_whole(&events);
        assert_eq!(answers(&events), [None, Some(true)]);
        assert_eq!((later.tool.entered(), later.mail.entered()), (1, 1));
        let text = "I shall mail it.\n\nDone.";
        assert_eq!(end_of(&events), (FinalStatus::Completed, text.to_owned()));
        assert_eq!(world.storage.messages()[1].content, text);
        // What the model was shown is what it would have been shown without the wait.
        assert_eq!(later.model.asked()[0].input.len(), 8);
        let kinds: Vec<_> = world.storage.announced().iter().map(|event| event.kind).collect();
        let expected = [
            EventKind::RunPaused,
            EventKind::ApprovalSettled,
            EventKind::RunCompleted,
        ];
        assert_eq!(kinds, expected);
    }
}

#[tokio::test]
async fn a_refused_call_is_not_made_and_the_model_learns_why() {
    let world = world();
    let (run, approval) = waiting(&world).await;
    world.model.turn([text("A pity.")]);
    let settled = world.service.settle(&world.caller, approval, no()).await.unwrap();
    assert_eq!(settled.reason.as_deref(), Some("not on a Sunday"));
    let events = ended(&world, run).await;
    assert_eq!(answers(&events), [None, Some(false)]);
    assert_eq!(world.mail.entered(), 0);
    let input = format!("{:?}", world.model.asked()[1].input);
    assert!(
        input.contains("the person refused this call: not on a Sunday"),
        "{input}"
    );
    assert!(said(&events).ends_with("A pity."));
}

#[tokio::test]
async fn a_reader_sees_the_wait_and_what_follows_it() {
    let world = World::new(FlushPolicy::AfterReaders);
    world.model.turn([call("mail", "{}")]);
    let started = world.start("mail").await;
    let reading = all(world.follow(started.run, 0).await);
    let deciding = async {
        let approval = started.outcome().await.unwrap().approval.unwrap();
        world.pass(Duration::from_mins(3)).await;
        world.model.turn([text("Done.")]);
        world
            .service
            .settle(&world.caller, approval, yes())
            .await
            .unwrap();
        world.pass(Duration::from_secs(3)).await;
    };
    let (events, ()) = futures::join!(reading, deciding);
    assert_whole(&events);
    let mut statuses = Vec::new();
    for event in &events {
        if let What::ToolStatus { status, .. } = event.what {
            statuses.push(status);
        }
    }
    let expected = [
        ToolCallStatus::AwaitingApproval,
        ToolCallStatus::InProgress,
        ToolCallStatus::Completed,
    ];
    assert_eq!(statuses, expected);
}

#[tokio::test]
async fn of_many_decisions_one_counts_and_the_same_again_is_harmless() {
    let world = world();
    let (run, approval) = waiting(&world).await;
    world.model.turn([text("Done.")]);
    let deciding = (0..16).map(|_| world.service.settle(&world.caller, approval, yes()));
    for settled in futures::future::join_all(deciding).await {
        assert_eq!(settled.unwrap().state, ApprovalState::Approved);
    }
    let other = world.service.settle(&world.caller, approval, no()).await;
    assert!(matches!(
        other,
        Err(ApprovalRefused::Closed(ApprovalState::Approved))
    ));
    let events = ended(&world, run).await;
    assert_eq!(world.mail.entered(), 1);
    assert_eq!(end_of(&events).0, FinalStatus::Completed);
}

#[tokio::test]
async fn what_would_be_refused_anyway_is_not_asked_about() {
    let world = world();
    world.model.turn([call("mail", "no JSON")]);
    world.model.turn([text("Sorry.")]);
    let log = world.log_of("mail").await;
    assert_eq!(answers(&log), []);
    assert_eq!(world.mail.entered(), 0);
}

#[tokio::test]
async fn another_turn_of_the_conversation_is_told_what_is_waited_for() {
    let world = world();
    let (live, approval) = waiting(&world).await;
    let refused = world
        .service
        .start(&world.caller, world.chat("and?"))
        .await
        .err()
        .unwrap();
    let crate::ChatRefused::RunIsLive { run, approval: told } = refused else {
        panic!("{refused}");
    };
    assert_eq!((run, told), (live, Some(approval)));
}

#[tokio::test]
async fn a_run_that_is_stopped_while_it_waits_ends_at_once_with_its_text() {
    let world = world();
    let (run, approval) = waiting(&world).await;
    world.service.cancel(&world.caller, run).await.unwrap().unwrap();
    let log = world.storage.log(run);
    assert_eq!(
        end_of(&log),
        (FinalStatus::Cancelled, "I shall mail it.".to_owned())
    );
    assert_eq!(world.storage.messages()[1].content, "I shall mail it.");
    assert_eq!(world.storage.run(run).status, RunStatus::Cancelled);
    let late = world.service.settle(&world.caller, approval, yes()).await;
    assert!(matches!(
        late,
        Err(ApprovalRefused::Closed(ApprovalState::Withdrawn))
    ));
    world.model.turn([text("Next.")]);
    world.log_of("go on").await;
}

#[tokio::test]
async fn a_run_that_nobody_agrees_to_fails_after_a_day_and_not_before() {
    let world = world();
    let (run, approval) = waiting(&world).await;
    world
        .clock
        .advance(Duration::from_hours(24) - Duration::from_secs(1));
    assert_eq!(world.service.recover_abandoned().await.unwrap(), 0);
    assert_eq!(
        world.service.recover_all().await.unwrap(),
        0,
        "a restart ends no run that waits"
    );
    world.clock.advance(Duration::from_secs(2));
    let late = world.service.settle(&world.caller, approval, yes()).await;
    assert!(matches!(
        late,
        Err(ApprovalRefused::Closed(ApprovalState::Expired))
    ));
    assert_eq!(world.service.recover_abandoned().await.unwrap(), 1);
    assert_eq!(code_of(&world.storage.log(run)), "approval_expired");
    let found = world.service.approval(&world.caller, approval).await.unwrap();
    assert_eq!(found.state, ApprovalState::Expired);
    assert_eq!(world.mail.entered(), 0);
}

#[tokio::test]
async fn nobody_else_sees_or_settles_it() {
    let world = world();
    let (_, approval) = waiting(&world).await;
    let mut stranger = crate::testing::person();
    for tenant in [stranger.tenant, world.caller.tenant] {
        stranger.tenant = tenant;
        let seen = world.service.approval(&stranger, approval).await;
        assert!(matches!(seen, Err(ApprovalRefused::Absent)));
        let settled = world.service.settle(&stranger, approval, yes()).await;
        assert!(matches!(settled, Err(ApprovalRefused::Absent)));
        assert!(
            world
                .service
                .pending_approvals(&stranger)
                .await
                .unwrap()
                .is_empty()
        );
    }
    let mut delegate = world.caller.clone();
    delegate.actors = vec![Subject::ServiceAccount("helper".to_owned())];
    let settled = world.service.settle(&delegate, approval, yes()).await;
    assert!(matches!(settled, Err(ApprovalRefused::Denied(_))));
    let mut reader = world.caller.clone();
    reader.scopes = [Scope::CONVERSATIONS_READ].into_iter().collect();
    let settled = world.service.settle(&reader, approval, yes()).await;
    assert!(matches!(settled, Err(ApprovalRefused::Denied(_))));
}

#[tokio::test]
async fn a_pause_whose_answer_was_lost_is_stored_once() {
    for late in [false, true] {
        let world = Arc::new(world());
        world
            .storage
            .fail_late
            .store(late, std::sync::atomic::Ordering::SeqCst);
        world.model.turn([call("mail", "{}")]);
        let started = world.start("mail").await;
        world
            .storage
            .failures
            .store(2, std::sync::atomic::Ordering::SeqCst);
        world.pass(Duration::from_secs(2)).await;
        let run = started.run;
        let approval = started.outcome().await.unwrap().approval.unwrap();
        assert_eq!(world.storage.run(run).approval, Some(approval));
        assert_eq!(answers(&world.storage.log(run)), [None]);
    }
}
