//! The MUST clauses of [`Leases`].
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::sync::{Arc, Mutex};

use chancery_ambient::{Ambient, Timestamp};
use chancery_ids::ReplicaId;

use super::at_once;
use crate::Leases;

/// Of sixteen replicas at once one has it.
pub async fn of_16_replicas_at_once_one_has_the_lease(leases: Arc<dyn Leases>) {
    let ambient = Ambient::system();
    let replicas: Vec<ReplicaId> = (0..16).map(|_| ambient.new_id()).collect();
    let left = Arc::new(Mutex::new(replicas));
    for round in [0, 100] {
        let asked = at_once(&leases, 16, |leases| {
            let left = left.clone();
            async move {
                let one = left.lock().unwrap().remove(0);
                let held = leases.hold("work", one, at(round), at(round + 50)).await.unwrap();
                left.lock().unwrap().push(one);
                held
            }
        });
        let held = asked.await.into_iter().filter(|held| *held).count();
        assert_eq!(held, 1, "at {round}, when the lease before is over");
    }
}

/// Its holder renews it, and nobody else has it before it is over.
pub async fn a_lease_is_renewed_by_its_holder_and_taken_when_it_is_over(leases: Arc<dyn Leases>) {
    let ambient = Ambient::system();
    let [one, other] = [ambient.new_id(), ambient.new_id()];
    let hold = async |holder, now, until| leases.hold("work", holder, at(now), at(until)).await.unwrap();
    assert!(hold(one, 0, 10).await);
    assert!(!hold(other, 9, 20).await);
    assert!(hold(one, 9, 30).await);
    assert!(!hold(other, 29, 40).await);
    assert!(hold(other, 31, 40).await);
    assert!(!hold(one, 31, 40).await);
}

/// One name says nothing of another.
pub async fn leases_of_two_names_are_held_apart(leases: Arc<dyn Leases>) {
    let ambient = Ambient::system();
    let [one, other] = [ambient.new_id(), ambient.new_id()];
    assert!(leases.hold("work", one, at(0), at(10)).await.unwrap());
    assert!(leases.hold("rest", other, at(0), at(10)).await.unwrap());
    assert!(!leases.hold("rest", one, at(0), at(10)).await.unwrap());
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_800_000_000 + second).unwrap()
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields an implementation with nothing in it.
#[macro_export]
macro_rules! leases_contract {
    ($fresh:expr) => {
        $crate::leases_contract!(@tests $fresh,
            of_16_replicas_at_once_one_has_the_lease, a_lease_is_renewed_by_its_holder_and_taken_when_it_is_over,
            leases_of_two_names_are_held_apart);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let leases = $fresh.await;
            $crate::contract::leases::$clause(std::sync::Arc::new(leases)).await;
        }
    )*};
}
