//! The MUST clauses of [`KeySetWitness`].
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::sync::Arc;

use chancery_ambient::{TokioTasks, run_on};
use futures::future::join_all;

use crate::{KeySetName, KeySetWitness, Testimony};

const fn testimony(version: u64, byte: u8) -> Testimony {
    Testimony {
        version,
        digest: [byte; 32],
    }
}

/// The newest is remembered, whatever comes after it; each set is apart.
pub async fn the_newest_version_is_remembered(witness: Arc<dyn KeySetWitness>) {
    for (own, newest) in [(3, 3), (2, 3), (7, 7), (1, 7), (7, 7)] {
        let given = witness.witness(KeySetName::Api, &testimony(own, 0)).await;
        assert_eq!(given.unwrap().version, newest);
    }
    let given = witness.witness(KeySetName::Trust, &testimony(1, 0)).await;
    assert_eq!(given.unwrap().version, 1);
}

/// Of two sets of one version the first stays.
pub async fn the_first_of_a_version_is_remembered(witness: Arc<dyn KeySetWitness>) {
    for byte in [1, 2] {
        let given = witness.witness(KeySetName::Api, &testimony(5, byte)).await;
        assert_eq!(given.unwrap(), testimony(5, 1));
    }
}

/// Of 32 different sets of one version at once one is remembered, and all are told of it.
pub async fn of_many_at_once_one_is_remembered(witness: Arc<dyn KeySetWitness>) {
    let tasks = TokioTasks::current();
    let told = join_all((0..32).map(|byte| {
        let witness = witness.clone();
        run_on(&*tasks, async move {
            witness
                .witness(KeySetName::Api, &testimony(1, byte))
                .await
                .unwrap()
        })
    }))
    .await;
    let mut told: Vec<_> = told.into_iter().map(|one| one.unwrap().digest).collect();
    told.dedup();
    assert_eq!(told.len(), 1);
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields an `Arc` of an implementation that remembers
/// nothing yet.
#[macro_export]
macro_rules! key_set_witness_contract {
    ($fresh:expr) => {
        $crate::key_set_witness_contract!(@tests $fresh,
            the_newest_version_is_remembered, the_first_of_a_version_is_remembered, of_many_at_once_one_is_remembered);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let witness = $fresh.await;
            $crate::contract::key_set_witness::$clause(witness).await;
        }
    )*};
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::contract::MemoryWitness;

    key_set_witness_contract!(async { Arc::new(MemoryWitness::default()) });
}
