//! The MUST clauses of [`AuditStore`].
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::{sync::Arc, time::Duration};

use chancery_ambient::{Ambient, ManualClock, SystemEntropy, Timestamp};
use chancery_events::{Event, EventKind};
use chancery_ids::{Limit, TenantId};
use futures::future::join_all;

use crate::{AuditStore, Day, Head};

/// What is recorded comes out as it went in, newest first.
pub async fn the_record_shows_events_whole_and_newest_first(store: &dyn AuditStore) {
    let tenant = Ambient::system().new_id();
    let mut events = recorded(store, tenant, 3).await;
    events.reverse();
    let page = store.list(tenant, None, Limit::LARGEST).await.unwrap();
    assert_eq!((page.items, page.next), (events, None));
}

/// An event recorded again is there once, as it was the first time.
pub async fn an_event_recorded_again_stays_as_it_first_was(store: &dyn AuditStore) {
    let tenant = Ambient::system().new_id();
    let first = recorded(store, tenant, 1).await.remove(0);
    store.record(&first, TODAY).await.unwrap();
    store
        .record(&first.clone().with("forged", true), TODAY)
        .await
        .unwrap();
    let page = store.list(tenant, None, Limit::LARGEST).await.unwrap();
    assert_eq!(page.items, [first]);
}

/// A tenant sees its own record alone.
pub async fn a_tenant_sees_its_own_record_alone(store: &dyn AuditStore) {
    let (one, other): (TenantId, TenantId) = (Ambient::system().new_id(), Ambient::system().new_id());
    recorded(store, one, 2).await;
    let theirs = recorded(store, other, 1).await;
    let nobodys: TenantId = Ambient::system().new_id();
    assert_eq!(
        store.list(other, None, Limit::LARGEST).await.unwrap().items,
        theirs
    );
    assert!(
        store
            .list(nobodys, None, Limit::LARGEST)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    // A place in another tenant's record is a moment, and opens nothing.
    let before = recorded(store, one, 1).await.remove(0).id;
    assert!(
        store
            .list(nobodys, Some(before), Limit::LARGEST)
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

/// Pages follow one another, each event once, also when newer ones come meanwhile.
pub async fn pages_of_the_record_hold_when_events_are_added(store: &dyn AuditStore) {
    let tenant = Ambient::system().new_id();
    let mut events = recorded(store, tenant, 5).await;
    events.reverse();
    let two = Limit::new(2).unwrap();
    let first = store.list(tenant, None, two).await.unwrap();
    assert_eq!(first.items, events[..2]);
    let newer = Event::new(&Ambient::system(), tenant, EventKind::UserCreated, "newer");
    store.record(&newer, TODAY).await.unwrap();
    let before = first.next.unwrap().read().unwrap();
    let second = store.list(tenant, Some(before), two).await.unwrap();
    assert_eq!(second.items, events[2..4]);
    let before = second.next.unwrap().read().unwrap();
    let third = store.list(tenant, Some(before), two).await.unwrap();
    assert_eq!((third.items, third.next), (events.split_off(4), None));
}

/// Events recorded at once make one chain, which ends where the next day begins; one that comes for a day that ended is of the
/// day that has begun.
pub async fn concurrent_events_make_one_chain_over_days(store: &dyn AuditStore) {
    let ambient = Ambient::system();
    let tenant: TenantId = ambient.new_id();
    let tomorrow = Day(TODAY.0 + 1);
    let record = async |day| {
        let event = Event::new(&ambient, tenant, EventKind::UserCreated, "somebody");
        store.record(&event, day).await.unwrap()
    };
    let begun: Vec<_> = join_all((0..16).map(|_| record(TODAY))).await;
    assert!(begun.iter().all(Option::is_none), "no day ended yet");
    let ended: Vec<_> = join_all((0..8).map(|_| record(tomorrow))).await;
    let ended: Vec<_> = ended.into_iter().flatten().collect();
    assert_eq!(ended.len(), 1, "one of them ends the day");
    assert_eq!((ended[0].day, ended[0].number), (TODAY, 16));
    assert_eq!(record(TODAY).await, None, "it is late");

    let mut last = None;
    for (day, count) in [(TODAY, 16), (tomorrow, 9)] {
        let kept = store
            .next_day(tenant, last.map(|(day, _)| day))
            .await
            .unwrap()
            .unwrap();
        let mut head = Head::begin(tenant, day, last.map(|(_, hash)| hash));
        let entries = store.entries(tenant, day, 0, 100).await.unwrap();
        assert_eq!(entries.len(), count);
        for entry in &entries {
            head = head.with(&entry.event);
            assert_eq!((entry.number, entry.hash), (head.number, head.hash));
        }
        assert_eq!(kept, head);
        let rest = store.entries(tenant, day, 4, 3).await.unwrap();
        assert_eq!(rest, entries[4..7]);
        last = Some((day, kept.hash));
    }
    assert_eq!(store.next_day(tenant, Some(tomorrow)).await.unwrap(), None);
}

/// The day of these tests.
const TODAY: Day = Day(19_675);

/// `count` events of the tenant, a second apart, in the past.
async fn recorded(store: &dyn AuditStore, tenant: TenantId, count: usize) -> Vec<Event> {
    let clock = Arc::new(ManualClock::at(
        Timestamp::from_unix_seconds(1_700_000_000).unwrap(),
    ));
    let ambient = Ambient {
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
    };
    let mut events = Vec::new();
    for number in 0..count {
        clock.advance(Duration::from_secs(1));
        let event =
            Event::new(&ambient, tenant, EventKind::UserCreated, number.to_string()).with("number", number);
        store.record(&event, TODAY).await.unwrap();
        events.push(event);
    }
    events
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields an implementation with nothing in it.
#[macro_export]
macro_rules! audit_store_contract {
    ($fresh:expr) => {
        $crate::audit_store_contract!(@tests $fresh,
            the_record_shows_events_whole_and_newest_first, an_event_recorded_again_stays_as_it_first_was,
            a_tenant_sees_its_own_record_alone, pages_of_the_record_hold_when_events_are_added,
            concurrent_events_make_one_chain_over_days);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let store = $fresh.await;
            $crate::contract::audit_store::$clause(&store).await;
        }
    )*};
}
