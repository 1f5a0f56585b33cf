//! The MUST clauses of [`Quota`].
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::{sync::Arc, time::Duration};

use chancery_ambient::Ambient;

use super::at_once;
use crate::{GuardKey, Quota, Rate, Take, Verdict};

const HOUR: Duration = Duration::from_hours(1);

/// One refusal refuses all, and nobody pays for what was refused.
pub async fn when_one_limit_refuses_none_is_taken(quota: Arc<dyn Quota>) {
    let (wide, narrow) = (one("wide", 10), one("narrow", 1));
    assert!(take(&*quota, &[wide.clone(), narrow.clone()]).await.is_allowed());
    for _ in 0..3 {
        let refused = take(&*quota, &[wide.clone(), narrow.clone()]).await;
        assert!(!refused.is_allowed());
        let left: Vec<u32> = refused.standings.iter().map(|one| one.remaining).collect();
        assert_eq!(left, [9, 0]);
    }
    let refused = take(&*quota, &[narrow, wide.clone()]).await;
    assert!(!refused.is_allowed(), "the order makes no difference");
    assert_eq!(remaining(&take(&*quota, &[wide]).await), 8);
}

/// Of 64 callers at once a limit of 20 allows 20.
pub async fn callers_at_once_get_the_limit_and_no_more(quota: Arc<dyn Quota>) {
    let verdicts = at_once(&quota, 64, |quota| async move {
        take(&*quota, &[one("contended", 20)]).await
    })
    .await;
    assert_eq!(verdicts.len(), 64);
    let allowed = verdicts.iter().filter(|verdict| verdict.is_allowed()).count();
    assert_eq!(allowed, 20);
}

/// A spent limit comes back unit by unit, from the beginning of the window on.
pub async fn what_was_taken_comes_back_steadily(quota: Arc<dyn Quota>) {
    let ambient = Ambient::system();
    let (limit, window) = (20, Duration::from_secs(4));
    let interval = window / limit;
    let asked = Take::one(key("steady"), Rate::new(limit, window));
    let began = ambient.clock.monotonic();
    let mut allowed = 0;
    while ambient.clock.monotonic().saturating_sub(began) < window / 4 {
        let verdict = take(&*quota, std::slice::from_ref(&asked)).await;
        allowed += u128::from(verdict.is_allowed());
        if !verdict.is_allowed() {
            ambient.sleep(interval / 4).await;
        }
    }
    let passed = ambient.clock.monotonic().saturating_sub(began);
    let most = u128::from(limit) + passed.as_micros() / interval.as_micros() + 1;
    assert!(allowed > u128::from(limit), "nothing came back");
    assert!(allowed <= most, "{allowed} were allowed within {passed:?}");
}

/// After the wait that it told, the same take is allowed.
pub async fn after_the_wait_it_told_it_allows(quota: Arc<dyn Quota>) {
    let rate = Rate::new(3, Duration::from_millis(900));
    let all = Take {
        cost: 3,
        ..Take::one(key("waiting"), rate)
    };
    assert!(take(&*quota, std::slice::from_ref(&all)).await.is_allowed());
    let refused = take(&*quota, std::slice::from_ref(&all)).await;
    let wait = refused.retry_after().unwrap();
    assert!(wait <= rate.window(), "{wait:?}");
    Ambient::system().sleep(wait).await;
    assert!(take(&*quota, &[all]).await.is_allowed());
}

/// A cost of 0 tells how things stand and changes nothing, even when the limit is spent.
pub async fn a_cost_of_nothing_takes_nothing(quota: Arc<dyn Quota>) {
    let unit = one("looked at", 2);
    let look = Take {
        cost: 0,
        ..unit.clone()
    };
    for left in [2, 1, 0] {
        for _ in 0..3 {
            let seen = take(&*quota, std::slice::from_ref(&look)).await;
            assert!(seen.is_allowed());
            assert_eq!(remaining(&seen), left);
        }
        assert_eq!(
            take(&*quota, std::slice::from_ref(&unit)).await.is_allowed(),
            left > 0
        );
    }
}

/// Tenants, scopes and parts have limits of their own.
pub async fn keys_have_limits_of_their_own(quota: Arc<dyn Quota>) {
    let ambient = Ambient::system();
    let rate = Rate::new(1, HOUR);
    let keys = [
        GuardKey::of_tenant(ambient.new_id(), "chat", &["a"]),
        GuardKey::of_tenant(ambient.new_id(), "chat", &["a"]),
        GuardKey::without_tenant("chat", &["a"]),
        GuardKey::without_tenant("chat", &["b"]),
        GuardKey::without_tenant("runs", &["a"]),
    ];
    for key in &keys {
        assert!(
            take(&*quota, &[Take::one(key.clone(), rate)]).await.is_allowed(),
            "{key}"
        );
    }
    for key in &keys {
        assert!(
            !take(&*quota, &[Take::one(key.clone(), rate)]).await.is_allowed(),
            "{key}"
        );
    }
}

/// Takes of one key in one call add up, and larger costs count as often as they say.
pub async fn takes_of_one_key_add_up(quota: Arc<dyn Quota>) {
    let two = Take {
        cost: 2,
        ..one("added", 5)
    };
    let three_times = [two.clone(), two.clone(), two.clone()];
    assert!(!take(&*quota, &three_times).await.is_allowed());
    assert!(take(&*quota, &[two.clone(), two.clone()]).await.is_allowed());
    assert!(!take(&*quota, &[two]).await.is_allowed());
    assert!(take(&*quota, &[one("added", 5)]).await.is_allowed());
}

fn key(name: &str) -> GuardKey {
    GuardKey::without_tenant("contract", &[name])
}

fn one(name: &str, limit: u32) -> Take {
    Take::one(key(name), Rate::new(limit, HOUR))
}

async fn take(quota: &dyn Quota, takes: &[Take]) -> Verdict {
    let verdict = quota.take(takes).await.unwrap();
    assert_eq!(verdict.standings.len(), takes.len());
    verdict
}

fn remaining(verdict: &Verdict) -> u32 {
    verdict.standings.first().unwrap().remaining
}

/// Turns the clauses into tests. `$fresh` is an expression that yields an implementation with nothing in it.
#[macro_export]
macro_rules! quota_contract {
    ($fresh:expr) => {
        $crate::quota_contract!(@tests $fresh,
            when_one_limit_refuses_none_is_taken, callers_at_once_get_the_limit_and_no_more,
            what_was_taken_comes_back_steadily, after_the_wait_it_told_it_allows,
            a_cost_of_nothing_takes_nothing, keys_have_limits_of_their_own, takes_of_one_key_add_up);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            $crate::contract::quota::$clause(std::sync::Arc::new($fresh)).await;
        }
    )*};
}
