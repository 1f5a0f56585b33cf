//! How many streams a person reads at the same time.

use std::sync::atomic::Ordering;

use super::world;
use crate::{ChatRefused, testing::person};

#[tokio::test]
async fn the_sixth_stream_of_a_person_waits_until_one_has_ended() {
    let world = world();
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(world.service.take_seat(&world.caller, false).await.unwrap());
    }
    let refused = world.service.take_seat(&world.caller, false).await;
    assert!(matches!(refused, Err(ChatRefused::TooOften { .. })));
    let mut resumed = Vec::new();
    for _ in 0..5 {
        resumed.push(world.service.take_seat(&world.caller, true).await.unwrap());
    }
    assert!(world.service.take_seat(&world.caller, true).await.is_err());
    drop(resumed);
    world.settle().await;
    world.service.take_seat(&person(), false).await.unwrap();
    held.pop();
    world.settle().await;
    held.push(world.service.take_seat(&world.caller, false).await.unwrap());
    drop(held);
    world.settle().await;
    assert_eq!(world.seats.count(), 0);
}

#[tokio::test]
async fn a_count_that_cannot_be_asked_holds_nobody_back_and_is_made_up_for() {
    let world = world();
    world.seats.is_gone.store(true, Ordering::SeqCst);
    let mut held = Vec::new();
    for _ in 0..6 {
        held.push(world.service.take_seat(&world.caller, false).await.unwrap());
    }
    world.seats.is_gone.store(false, Ordering::SeqCst);
    world.service.keep_seats().await.unwrap();
    assert_eq!(world.seats.count(), 6);
    assert!(world.service.take_seat(&world.caller, false).await.is_err());
}
