//! Runs that are stopped from outside their process.

use super::{POLICIES, said};
use crate::{
    RunStatus, What,
    testing::{Step, World, person, text},
};

#[tokio::test]
async fn a_run_that_was_asked_to_stop_elsewhere_stops_without_waiting_for_its_next_flush() {
    for policy in POLICIES {
        let world = World::new(policy);
        let elsewhere = World::over(world.storage.clone(), policy);
        world.model.turn([text("so far"), Step::Hang]);
        let started = world.start("hello").await;
        world.settle().await;
        let asked = elsewhere
            .service
            .cancel(&world.caller, started.run)
            .await
            .unwrap();
        assert_eq!(asked, Some(RunStatus::Running));
        world.service.follow_cancels().await.unwrap();
        let outcome = started.outcome().await.unwrap();
        assert_eq!(
            (outcome.status, outcome.text.as_str()),
            (RunStatus::Cancelled, "so far")
        );
    }
}

#[tokio::test]
async fn runs_of_a_suspended_tenant_end_with_their_text_and_others_go_on() {
    let world = World::new(crate::FlushPolicy::BeforeReaders);
    world.model.turn([text("so far"), Step::Hang]);
    let started = world.start("hello").await;
    world.settle().await;
    let owner = world.caller.subject.person().unwrap();
    assert_eq!(world.service.live_owners(), [(world.caller.tenant, owner)]);
    world.service.suspend(person().tenant);
    world.settle().await;
    assert_eq!(world.service.live_owners().len(), 1);
    world.service.suspend(world.caller.tenant);
    let run = started.run;
    let outcome = started.outcome().await.unwrap();
    assert_eq!(outcome.failure.unwrap().code, "tenant_suspended");
    let log = world.storage.log(run);
    assert!(matches!(&log.last().unwrap().what, What::Error { .. }));
    assert_eq!(said(&log), "so far");
    assert!(world.service.live_owners().is_empty());
}
