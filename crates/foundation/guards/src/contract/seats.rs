//! The MUST clauses of [`Seats`].
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use chancery_ambient::Ambient;

use super::at_once;
use crate::{GuardKey, Seat, Seats};

const HOUR: Duration = Duration::from_hours(1);

/// Of a hundred callers at once, as many get a seat as there are.
pub async fn of_100_callers_at_once_as_many_sit_as_there_are_seats(seats: Arc<dyn Seats>) {
    let drawn = Arc::new(AtomicU32::new(0));
    let taken = at_once(&seats, 100, |seats| {
        let id = drawn.fetch_add(1, Ordering::Relaxed);
        async move { seats.take(&seat("contended", id), 7, HOUR).await.unwrap() }
    })
    .await;
    assert_eq!(taken.len(), 100);
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 7);
}

/// Who sits may ask again, also where all seats are taken.
pub async fn taking_again_takes_no_second_seat(seats: Arc<dyn Seats>) {
    for _ in 0..3 {
        assert!(seats.take(&seat("again", 1), 2, HOUR).await.unwrap());
    }
    assert!(seats.take(&seat("again", 2), 2, HOUR).await.unwrap());
    assert!(seats.take(&seat("again", 1), 2, HOUR).await.unwrap());
    assert!(!seats.take(&seat("again", 3), 2, HOUR).await.unwrap());
}

/// A seat that was given back is free at once; giving it back twice frees one.
pub async fn a_seat_given_back_is_free_at_once(seats: Arc<dyn Seats>) {
    for id in 0..2 {
        assert!(seats.take(&seat("back", id), 2, HOUR).await.unwrap());
    }
    seats.give_back(&seat("back", 9)).await.unwrap();
    assert!(!seats.take(&seat("back", 2), 2, HOUR).await.unwrap());
    for _ in 0..2 {
        seats.give_back(&seat("back", 0)).await.unwrap();
    }
    assert!(seats.take(&seat("back", 2), 2, HOUR).await.unwrap());
    assert!(!seats.take(&seat("back", 3), 2, HOUR).await.unwrap());
}

/// A holder that died leaves a seat that lapses, also when others sit on at the same key.
pub async fn a_seat_lapses_with_its_life(seats: Arc<dyn Seats>) {
    let (ambient, life) = (Ambient::system(), Duration::from_millis(300));
    assert!(seats.take(&seat("short", 1), 2, life).await.unwrap());
    assert!(seats.take(&seat("short", 2), 2, HOUR).await.unwrap());
    assert!(!seats.take(&seat("short", 3), 2, HOUR).await.unwrap());
    ambient.sleep(life + Duration::from_millis(50)).await;
    assert!(seats.take(&seat("short", 3), 2, HOUR).await.unwrap());
    assert!(!seats.take(&seat("short", 4), 2, HOUR).await.unwrap());
}

/// A seat that is kept outlives its first life; so do all that are kept in one call.
pub async fn kept_seats_stay(seats: Arc<dyn Seats>) {
    let (ambient, life) = (Ambient::system(), Duration::from_millis(300));
    let held = [seat("kept", 1), seat("kept", 2), seat("kept too", 1)];
    for one in &held {
        assert!(seats.take(one, 2, life).await.unwrap());
    }
    seats.keep(&held, HOUR).await.unwrap();
    seats.keep(&[], HOUR).await.unwrap();
    ambient.sleep(life + Duration::from_millis(50)).await;
    assert!(!seats.take(&seat("kept", 3), 2, HOUR).await.unwrap());
    assert!(!seats.take(&seat("kept too", 2), 1, HOUR).await.unwrap());
}

/// A holder whose seat lapsed under it, or was lost with the memory, is counted again, even above the limit.
pub async fn a_lost_seat_is_counted_again_when_it_is_kept(seats: Arc<dyn Seats>) {
    let (ambient, life) = (Ambient::system(), Duration::from_millis(100));
    assert!(seats.take(&seat("lost", 1), 1, life).await.unwrap());
    ambient.sleep(life * 2).await;
    assert!(seats.take(&seat("lost", 2), 1, HOUR).await.unwrap());
    seats.keep(&[seat("lost", 1)], HOUR).await.unwrap();
    seats.give_back(&seat("lost", 2)).await.unwrap();
    assert!(!seats.take(&seat("lost", 3), 1, HOUR).await.unwrap());
}

/// Tenants and parts have seats of their own.
pub async fn keys_have_seats_of_their_own(seats: Arc<dyn Seats>) {
    let ambient = Ambient::system();
    for key in [
        GuardKey::of_tenant(ambient.new_id(), "streams", &["a"]),
        GuardKey::of_tenant(ambient.new_id(), "streams", &["a"]),
        GuardKey::without_tenant("streams", &["a"]),
        GuardKey::without_tenant("streams", &["b"]),
    ] {
        let seat = |id| Seat { key: key.clone(), id };
        assert!(seats.take(&seat(1), 1, HOUR).await.unwrap());
        assert!(!seats.take(&seat(2), 1, HOUR).await.unwrap());
    }
}

fn seat(name: &str, id: u32) -> Seat {
    Seat {
        key: GuardKey::without_tenant("contract", &[name]),
        id: id.into(),
    }
}

/// Turns the clauses into tests. `$fresh` is an expression that yields an implementation with nothing in it.
#[macro_export]
macro_rules! seats_contract {
    ($fresh:expr) => {
        $crate::seats_contract!(@tests $fresh,
            of_100_callers_at_once_as_many_sit_as_there_are_seats, taking_again_takes_no_second_seat,
            a_seat_given_back_is_free_at_once, a_seat_lapses_with_its_life, kept_seats_stay,
            a_lost_seat_is_counted_again_when_it_is_kept, keys_have_seats_of_their_own);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            $crate::contract::seats::$clause(std::sync::Arc::new($fresh)).await;
        }
    )*};
}
