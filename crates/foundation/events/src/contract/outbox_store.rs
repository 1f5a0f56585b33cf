//! The MUST clauses of [`OutboxStore`].
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::time::Duration;

use chancery_ambient::Ambient;

use crate::{Event, EventKind, OutboxStore};

const LEASE: Duration = Duration::from_secs(30);

fn events(ambient: &Ambient, count: usize) -> Vec<Event> {
    let tenant = ambient.new_id();
    (0..count)
        .map(|n| Event::new(ambient, tenant, EventKind::UserCreated, n.to_string()).with("n", n))
        .collect()
}

/// What is announced comes out whole, oldest first.
pub async fn events_come_out_as_they_went_in(store: &dyn OutboxStore) {
    let ambient = Ambient::system();
    let announced = events(&ambient, 3);
    store.announce(&announced).await.unwrap();
    assert_eq!(store.claim(ambient.now(), LEASE, 10).await.unwrap(), announced);
}

/// Announcing again adds nothing.
pub async fn an_event_announced_twice_is_there_once(store: &dyn OutboxStore) {
    let ambient = Ambient::system();
    let announced = events(&ambient, 1);
    store.announce(&announced).await.unwrap();
    store.announce(&announced).await.unwrap();
    assert_eq!(store.claim(ambient.now(), LEASE, 10).await.unwrap().len(), 1);
}

/// A claimed event is hidden until its lease is over, then comes again.
pub async fn a_claimed_event_comes_again_only_after_its_lease(store: &dyn OutboxStore) {
    let ambient = Ambient::system();
    store.announce(&events(&ambient, 1)).await.unwrap();
    let now = ambient.now();
    assert_eq!(store.claim(now, LEASE, 10).await.unwrap().len(), 1);
    assert_eq!(
        store.claim(now.plus(LEASE / 2), LEASE, 10).await.unwrap().len(),
        0
    );
    assert_eq!(
        store.claim(now.plus(LEASE * 2), LEASE, 10).await.unwrap().len(),
        1
    );
}

/// A settled event never comes again.
pub async fn a_settled_event_is_gone(store: &dyn OutboxStore) {
    let ambient = Ambient::system();
    let announced = events(&ambient, 2);
    store.announce(&announced).await.unwrap();
    let now = ambient.now();
    let claimed = store.claim(now, LEASE, 1).await.unwrap();
    let ids: Vec<_> = claimed.iter().map(|event| event.id).collect();
    store.settle(&ids).await.unwrap();
    store.settle(&ids).await.unwrap();
    let rest = store.claim(now.plus(LEASE * 2), LEASE, 10).await.unwrap();
    assert_eq!(rest, announced.get(1..).unwrap());
}

/// Two workers at once never get the same event.
pub async fn two_workers_share_the_events_between_them(store: &dyn OutboxStore) {
    let ambient = Ambient::system();
    store.announce(&events(&ambient, 20)).await.unwrap();
    let now = ambient.now();
    let (mut one, mut other) = {
        let (one, other) = futures::join!(store.claim(now, LEASE, 20), store.claim(now, LEASE, 20));
        (one.unwrap(), other.unwrap())
    };
    one.append(&mut other);
    let mut ids: Vec<_> = one.iter().map(|event| event.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), one.len()), (20, 20));
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields an implementation with nothing in it.
#[macro_export]
macro_rules! outbox_store_contract {
    ($fresh:expr) => {
        $crate::outbox_store_contract!(@tests $fresh,
            events_come_out_as_they_went_in, an_event_announced_twice_is_there_once,
            a_claimed_event_comes_again_only_after_its_lease, a_settled_event_is_gone,
            two_workers_share_the_events_between_them);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let store = $fresh.await;
            $crate::contract::outbox_store::$clause(&store).await;
        }
    )*};
}
