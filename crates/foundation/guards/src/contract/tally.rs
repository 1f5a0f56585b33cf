//! The MUST clauses of [`Tally`].
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::{sync::Arc, time::Duration};

use chancery_ambient::Ambient;

use super::at_once;
use crate::{GuardKey, Tally};

const HOUR: Duration = Duration::from_hours(1);

/// A hundred callers at once get 1 to 100, each once.
pub async fn of_100_callers_at_once_each_gets_its_number(tally: Arc<dyn Tally>) {
    let mut counts = at_once(&tally, 100, |tally| async move {
        tally.count(&key("contended"), HOUR).await.unwrap()
    })
    .await;
    counts.sort_unstable();
    assert_eq!(counts, (1..=100).collect::<Vec<u64>>());
    assert_eq!(tally.read(&key("contended")).await.unwrap(), 100);
}

/// The first sets the life, for all that follow.
pub async fn later_counts_do_not_extend_the_life(tally: Arc<dyn Tally>) {
    let ambient = Ambient::system();
    let (any, life) = (key("short"), Duration::from_secs(2));
    let began = ambient.clock.monotonic();
    assert_eq!(tally.count(&any, life).await.unwrap(), 1);
    ambient.sleep(life / 4).await;
    assert_eq!(tally.count(&any, life).await.unwrap(), 2);
    assert_eq!(tally.count(&any, HOUR).await.unwrap(), 3);
    let end = began + life + Duration::from_millis(50);
    ambient.sleep(end.saturating_sub(ambient.clock.monotonic())).await;
    assert_eq!(tally.read(&any).await.unwrap(), 0);
    assert_eq!(tally.count(&any, life).await.unwrap(), 1);
}

/// Even the shortest life ends: there is no count without one.
pub async fn every_count_ends(tally: Arc<dyn Tally>) {
    let ambient = Ambient::system();
    for life in [Duration::ZERO, Duration::from_micros(1), Duration::from_millis(5)] {
        let any = key(&format!("{life:?}"));
        assert_eq!(tally.count(&any, life).await.unwrap(), 1);
        ambient.sleep(Duration::from_millis(30)).await;
        assert_eq!(tally.read(&any).await.unwrap(), 0);
    }
}

/// Tenants and parts are counted apart.
pub async fn keys_are_counted_apart(tally: Arc<dyn Tally>) {
    let ambient = Ambient::system();
    let keys = [
        GuardKey::of_tenant(ambient.new_id(), "login", &["a"]),
        GuardKey::of_tenant(ambient.new_id(), "login", &["a"]),
        GuardKey::without_tenant("login", &["a"]),
        GuardKey::without_tenant("login", &["b"]),
    ];
    for key in &keys {
        assert_eq!(tally.count(key, HOUR).await.unwrap(), 1);
    }
    tally.clear(keys.first().unwrap()).await.unwrap();
    for key in keys.iter().skip(1) {
        assert_eq!(tally.read(key).await.unwrap(), 1);
    }
}

/// Reading changes nothing.
pub async fn reading_does_not_count(tally: Arc<dyn Tally>) {
    let any = key("read");
    for _ in 0..3 {
        assert_eq!(tally.read(&any).await.unwrap(), 0);
    }
    assert_eq!(tally.count(&any, HOUR).await.unwrap(), 1);
    for _ in 0..3 {
        assert_eq!(tally.read(&any).await.unwrap(), 1);
    }
}

/// After clearing, the next count is the first, with a life of its own.
pub async fn a_cleared_tally_begins_again(tally: Arc<dyn Tally>) {
    let (any, life) = (key("cleared"), Duration::from_millis(300));
    tally.clear(&any).await.unwrap();
    for expected in 1..=3 {
        assert_eq!(tally.count(&any, life).await.unwrap(), expected);
    }
    tally.clear(&any).await.unwrap();
    assert_eq!(tally.read(&any).await.unwrap(), 0);
    assert_eq!(tally.count(&any, HOUR).await.unwrap(), 1);
    Ambient::system().sleep(life * 2).await;
    assert_eq!(tally.read(&any).await.unwrap(), 1, "the old life took it");
}

fn key(name: &str) -> GuardKey {
    GuardKey::without_tenant("contract", &[name])
}

/// Turns the clauses into tests. `$fresh` is an expression that yields an implementation with nothing in it.
#[macro_export]
macro_rules! tally_contract {
    ($fresh:expr) => {
        $crate::tally_contract!(@tests $fresh,
            of_100_callers_at_once_each_gets_its_number, later_counts_do_not_extend_the_life, every_count_ends,
            keys_are_counted_apart, reading_does_not_count, a_cleared_tally_begins_again);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            $crate::contract::tally::$clause(std::sync::Arc::new($fresh)).await;
        }
    )*};
}
