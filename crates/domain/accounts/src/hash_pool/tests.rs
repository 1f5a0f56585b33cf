use std::{
    num::NonZeroUsize,
    sync::{Arc, mpsc},
    time::Duration,
};

use chancery_ambient::{Ambient, ManualClock, Timestamp};

use super::{Familiarity, HashPool, HashRefused};
use crate::{PasswordPeppers, Verdict};

fn pool() -> (HashPool, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(Timestamp::EPOCH));
    let peppers = PasswordPeppers::parse(&"1:pepper".into()).unwrap();
    let pool = HashPool::start(peppers, NonZeroUsize::MIN, Ambient::for_tests(clock.clone())).unwrap();
    (pool, clock)
}

/// Work that keeps the only thread until the sender is used or dropped, and a receiver that tells when it has begun.
fn blocking_work() -> (impl FnOnce() + Send, mpsc::Sender<()>, mpsc::Receiver<()>) {
    let (go, gate) = mpsc::channel::<()>();
    let (begun, has_begun) = mpsc::channel();
    let work = move || {
        begun.send(()).unwrap();
        let _ = gate.recv();
    };
    (work, go, has_begun)
}

async fn until_asleep(clock: &ManualClock, sleepers: usize) {
    while clock.sleepers() < sleepers {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_password_is_hashed_and_fits() {
    let (pool, _) = pool();
    let hash = pool
        .hash("correct horse".into(), Familiarity::Stranger)
        .await
        .unwrap();
    let verify = |password: &str| pool.verify(password.into(), Some(hash.clone()), Familiarity::Stranger);
    assert_eq!(
        verify("correct horse").await.unwrap(),
        Verdict::Right { renew: false }
    );
    assert_eq!(verify("Correct horse").await.unwrap(), Verdict::Wrong);
}

#[tokio::test]
async fn two_hashes_of_one_password_differ() {
    let (pool, _) = pool();
    let one = pool
        .hash("correct horse".into(), Familiarity::Stranger)
        .await
        .unwrap();
    let other = pool
        .hash("correct horse".into(), Familiarity::Stranger)
        .await
        .unwrap();
    assert_ne!(one, other);
}

#[tokio::test]
async fn a_new_password_beyond_the_bound_is_refused() {
    let (pool, _) = pool();
    let long = "a".repeat(HashPool::MAX_PASSWORD_BYTES + 1);
    let refused = pool.hash(long.as_str().into(), Familiarity::Stranger).await;
    assert!(matches!(refused, Err(HashRefused::TooLong)));
}

#[tokio::test]
async fn a_waiter_gives_up_after_a_second() {
    let (pool, clock) = pool();
    let pool = Arc::new(pool);
    let (work, _go, begun) = blocking_work();
    let busy = tokio::task::JoinSet::from_iter([{
        let pool = pool.clone();
        async move { pool.in_turn(Familiarity::Stranger, work).await.is_ok() }
    }]);
    until_asleep(&clock, 1).await;
    begun.recv().unwrap();
    let mut waiter = std::pin::pin!(pool.verify("x".into(), None, Familiarity::Stranger));
    tokio::select! {
        biased;
        _ = &mut waiter => panic!("nobody can have answered"),
        () = until_asleep(&clock, 2) => clock.advance(Duration::from_secs(1)),
    }
    assert!(matches!(waiter.await, Err(HashRefused::Busy)));
    drop(busy);
}

#[tokio::test]
async fn a_turn_that_has_come_is_finished_however_long_it_takes() {
    let (pool, clock) = pool();
    let (work, go, begun) = blocking_work();
    let mut asker = std::pin::pin!(pool.in_turn(Familiarity::Stranger, work));
    tokio::select! {
        biased;
        _ = &mut asker => panic!("it is still at work"),
        () = until_asleep(&clock, 1) => {}
    }
    begun.recv().unwrap();
    clock.advance(Duration::from_secs(5));
    tokio::select! {
        biased;
        _ = &mut asker => panic!("it is still at work"),
        () = tokio::task::yield_now() => {}
    }
    go.send(()).unwrap();
    assert!(asker.await.is_ok());
}

#[tokio::test]
async fn strangers_beyond_the_places_are_refused_at_once_and_a_familiar_device_still_gets_in() {
    let (pool, clock) = pool();
    let pool = Arc::new(pool);
    let (work, go, begun) = blocking_work();
    let mut askers = tokio::task::JoinSet::new();
    askers.spawn({
        let pool = pool.clone();
        async move { pool.in_turn(Familiarity::Stranger, work).await.is_ok() }
    });
    until_asleep(&clock, 1).await;
    begun.recv().unwrap();
    let verify = |familiarity| {
        let pool = pool.clone();
        async move { pool.verify("x".into(), None, familiarity).await.is_ok() }
    };
    for place in 0..3 {
        askers.spawn(verify(Familiarity::Stranger));
        until_asleep(&clock, 2 + place).await;
    }
    assert!(!verify(Familiarity::Stranger).await);
    askers.spawn(verify(Familiarity::Familiar));
    until_asleep(&clock, 5).await;
    assert!(!verify(Familiarity::Familiar).await);
    go.send(()).unwrap();
    assert_eq!(askers.join_all().await, [true; 5]);
}

#[tokio::test]
async fn work_that_panics_is_a_fault_and_the_pool_goes_on() {
    let (pool, _) = pool();
    let broken = pool.in_turn(Familiarity::Stranger, || panic!("on purpose")).await;
    assert!(matches!(broken, Err(HashRefused::Fault(_))));
    assert_eq!(
        pool.verify("x".into(), None, Familiarity::Stranger)
            .await
            .unwrap(),
        Verdict::Wrong
    );
}
