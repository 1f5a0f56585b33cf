//! Turns that are sent again under the same name.

use std::time::Duration;

use super::{POLICIES, world};
use crate::{
    ChatRefused, IdempotencyKey, RunStatus, StartChat,
    testing::{Step, World, call, text},
};

fn named(world: &World, said: &str, name: &str) -> StartChat {
    StartChat {
        idempotency_key: Some(IdempotencyKey::parse(name.as_bytes()).unwrap()),
        ..world.chat(said)
    }
}

#[tokio::test]
async fn the_same_turn_gets_the_same_answer_while_it_works_and_after() {
    for policy in POLICIES {
        let world = World::new(policy);
        world.model.turn([text("one answer")]);
        let turn = named(&world, "hello", "k");
        let first = world.service.start(&world.caller, turn.clone()).await.unwrap();
        let second = world.service.start(&world.caller, turn.clone()).await.unwrap();
        assert_eq!(
            (first.run, &first.conversation_key),
            (second.run, &second.conversation_key)
        );
        let (first, second) = (first.outcome().await.unwrap(), second.outcome().await.unwrap());
        assert_eq!(
            (first.status, first.text.as_str()),
            (RunStatus::Completed, "one answer")
        );
        assert_eq!(first, second);
        let third = world.service.start(&world.caller, turn).await.unwrap();
        assert_eq!(third.outcome().await.unwrap(), first);
        assert_eq!(world.storage.messages().len(), 2);
    }
}

#[tokio::test]
async fn naming_a_turn_costs_no_commit() {
    let world = world();
    world.model.turn([text("a")]);
    world.log_of("plain").await;
    let plain = world.commits();
    world.model.turn([text("b")]);
    let turn = named(&world, "named", "k");
    let started = world.service.start(&world.caller, turn).await.unwrap();
    started.outcome().await.unwrap();
    assert_eq!(world.commits() - plain, plain);
}

#[tokio::test]
async fn another_turn_under_the_name_is_refused() {
    let world = world();
    world.model.turn([text("a")]);
    let first = world
        .service
        .start(&world.caller, named(&world, "one", "k"))
        .await
        .unwrap();
    first.outcome().await.unwrap();
    let refused = world
        .service
        .start(&world.caller, named(&world, "two", "k"))
        .await;
    assert!(matches!(refused, Err(ChatRefused::KeyReused)));
}

#[tokio::test]
async fn a_turn_that_waits_or_failed_says_so_again() {
    let world = world();
    world.model.turn([call("mail", "{}")]);
    let turn = named(&world, "write to them", "k");
    let first = world.service.start(&world.caller, turn.clone()).await.unwrap();
    let first = first.outcome().await.unwrap();
    let again = world.service.start(&world.caller, turn).await.unwrap();
    let again = again.outcome().await.unwrap();
    assert_eq!(again.status, RunStatus::AwaitingApproval);
    assert_eq!(again.approval, first.approval);

    let world = World::new(crate::FlushPolicy::AfterReaders);
    world.model.turn([Step::Hang]);
    let turn = named(&world, "hello", "k");
    let first = world.service.start(&world.caller, turn.clone()).await.unwrap();
    world.pass(Duration::from_secs(301)).await;
    let first = first.outcome().await.unwrap();
    let again = world.service.start(&world.caller, turn).await.unwrap();
    assert_eq!(again.outcome().await.unwrap().failure, first.failure);
    assert!(first.failure.is_some());
}
