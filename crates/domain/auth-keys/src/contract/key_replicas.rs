//! The MUST clauses of [`KeyReplicas`].
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::{sync::Arc, time::Duration};

use chancery_ambient::{Ambient, Timestamp};
use chancery_ids::ReplicaId;

use crate::{Acknowledgement, KeyReplicas, KeySetName};

type Replicas = Arc<dyn KeyReplicas>;

async fn note(replicas: &Replicas, replica: ReplicaId, kid: &str, now: Timestamp) {
    let kid = kid.parse().unwrap();
    replicas
        .acknowledge(KeySetName::Api, replica, &kid, now)
        .await
        .unwrap();
}

async fn live(replicas: &Replicas, since: Timestamp) -> Vec<Acknowledgement> {
    let mut live = replicas.live(KeySetName::Api, since).await.unwrap();
    live.sort_by_key(|one| one.replica);
    live
}

/// A replica counts while it was seen; the other set has replicas of its own.
pub async fn a_replica_counts_while_it_is_seen(replicas: Replicas) {
    let ambient = Ambient::system();
    let (one, now) = (ambient.new_id(), ambient.now());
    note(&replicas, one, "kid-1", now).await;
    let seen = live(&replicas, now).await;
    assert_eq!(seen.iter().map(|seen| seen.replica).collect::<Vec<_>>(), [one]);
    assert_eq!(live(&replicas, now.plus(Duration::from_secs(1))).await, []);
    assert_eq!(replicas.live(KeySetName::Trust, now).await.unwrap(), []);
    replicas.leave(one).await.unwrap();
    assert_eq!(live(&replicas, now).await, []);
}

/// What a replica published from its first moment on it has always published; another key counts from when it came, and being
/// seen again changes nothing of that.
pub async fn a_key_counts_from_when_it_replaced_another(replicas: Replicas) {
    let ambient = Ambient::system();
    let (one, now) = (ambient.new_id(), ambient.now());
    let later = |seconds| now.plus(Duration::from_secs(seconds));
    for (kid, at, since) in [
        ("kid-1", 0, Timestamp::EPOCH),
        ("kid-1", 1, Timestamp::EPOCH),
        ("kid-2", 2, later(2)),
        ("kid-2", 3, later(2)),
        ("kid-1", 4, later(4)),
    ] {
        note(&replicas, one, kid, later(at)).await;
        let seen = live(&replicas, later(at)).await;
        assert_eq!(seen.len(), 1);
        assert_eq!(
            seen.first().map(|seen| (seen.kid.as_str(), seen.since)),
            Some((kid, since))
        );
    }
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields an `Arc` of an implementation without replicas.
#[macro_export]
macro_rules! key_replicas_contract {
    ($fresh:expr) => {
        $crate::key_replicas_contract!(@tests $fresh,
            a_replica_counts_while_it_is_seen, a_key_counts_from_when_it_replaced_another);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let replicas = $fresh.await;
            $crate::contract::key_replicas::$clause(replicas).await;
        }
    )*};
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::contract::MemoryReplicas;

    key_replicas_contract!(async { Arc::new(MemoryReplicas::default()) });
}
