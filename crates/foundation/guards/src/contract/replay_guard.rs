//! The MUST clauses of [`ReplayGuard`].
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::{sync::Arc, time::Duration};

use chancery_ambient::Ambient;

use super::at_once;
use crate::{Claim, GuardKey, Mark, ReplayGuard};

const MINUTE: Duration = Duration::from_mins(1);

/// Of 64 callers at once one has it.
pub async fn of_64_callers_at_once_one_has_it(guard: Arc<dyn ReplayGuard>) {
    for round in 0..5 {
        let wanted = mark(&*guard, &round.to_string(), MINUTE).await;
        let claims = at_once(&guard, 64, |guard| {
            let wanted = wanted.clone();
            async move { guard.claim(&wanted).await.unwrap() }
        })
        .await;
        assert_eq!(claims.len(), 64);
        let count = |which| claims.iter().filter(|claim| **claim == which).count();
        assert_eq!((count(Claim::Claimed), count(Claim::Replayed)), (1, 63));
    }
}

/// As long as a mark could be accepted, it is known.
pub async fn a_mark_is_remembered_until_its_time_is_over(guard: Arc<dyn ReplayGuard>) {
    let ambient = Ambient::system();
    let first = mark(&*guard, "nonce", Duration::from_millis(1500)).await;
    assert_eq!(guard.claim(&first).await.unwrap(), Claim::Claimed);
    loop {
        let claim = guard.claim(&first).await.unwrap();
        assert_ne!(claim, Claim::Claimed);
        if claim == Claim::Past {
            break;
        }
        ambient.sleep(Duration::from_millis(20)).await;
    }
    assert!(ambient.now() >= first.until, "it was forgotten too early");
}

/// What would be remembered no longer is refused, the first time too.
pub async fn a_mark_whose_time_is_over_is_refused(guard: Arc<dyn ReplayGuard>) {
    let mut late = mark(&*guard, "nonce", MINUTE).await;
    late.until = Ambient::system().now().minus(Duration::from_millis(5));
    assert_eq!(guard.claim(&late).await.unwrap(), Claim::Past);
    let in_time = mark(&*guard, "nonce", MINUTE).await;
    assert_eq!(
        guard.claim(&in_time).await.unwrap(),
        Claim::Claimed,
        "a refused claim leaves nothing"
    );
}

/// What is older than the memory may have been accepted before it began.
pub async fn a_mark_older_than_the_memory_is_refused(guard: Arc<dyn ReplayGuard>) {
    let since = guard.remembers_since().await.unwrap();
    let of_now = mark(&*guard, "nonce", MINUTE).await;
    let old = Mark {
        created: since.minus(Duration::from_micros(1)),
        ..of_now.clone()
    };
    assert_eq!(guard.claim(&old).await.unwrap(), Claim::Forgotten);
    assert_eq!(guard.claim(&of_now).await.unwrap(), Claim::Claimed);
}

/// The beginning of the memory stays where it is, whoever asks and claims.
pub async fn the_beginning_of_the_memory_stands_still(guard: Arc<dyn ReplayGuard>) {
    let since = guard.remembers_since().await.unwrap();
    assert!(since <= Ambient::system().now());
    let answers = at_once(&guard, 8, |guard| async move {
        guard.remembers_since().await.unwrap()
    })
    .await;
    assert_eq!(answers, [since; 8]);
    let any = mark(&*guard, "nonce", MINUTE).await;
    assert_eq!(guard.claim(&any).await.unwrap(), Claim::Claimed);
    assert_eq!(guard.remembers_since().await.unwrap(), since);
}

/// One nonce of two tenants, and two nonces of one, are four things.
pub async fn keys_are_claimed_apart(guard: Arc<dyn ReplayGuard>) {
    let ambient = Ambient::system();
    for tenant in [ambient.new_id(), ambient.new_id()] {
        for nonce in ["a", "b"] {
            let mut claimed = mark(&*guard, nonce, MINUTE).await;
            claimed.key = GuardKey::of_tenant(tenant, "signature", &["key", nonce]);
            assert_eq!(guard.claim(&claimed).await.unwrap(), Claim::Claimed);
            assert_eq!(guard.claim(&claimed).await.unwrap(), Claim::Replayed);
        }
    }
}

/// A mark made now, as far as the guard's memory knows.
async fn mark(guard: &dyn ReplayGuard, nonce: &str, life: Duration) -> Mark {
    let created = guard.remembers_since().await.unwrap();
    Mark {
        key: GuardKey::without_tenant("signature", &[nonce]),
        created,
        until: Ambient::system().now().plus(life),
    }
}

/// Turns the clauses into tests. `$fresh` is an expression that yields an implementation with nothing in it.
#[macro_export]
macro_rules! replay_guard_contract {
    ($fresh:expr) => {
        $crate::replay_guard_contract!(@tests $fresh,
            of_64_callers_at_once_one_has_it, a_mark_is_remembered_until_its_time_is_over,
            a_mark_whose_time_is_over_is_refused, a_mark_older_than_the_memory_is_refused,
            the_beginning_of_the_memory_stands_still, keys_are_claimed_apart);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            $crate::contract::replay_guard::$clause(std::sync::Arc::new($fresh)).await;
        }
    )*};
}
