//! What only Redis can get wrong: lost keys, lives without an end, a server that does not answer.

use std::time::Duration;

use chancery_ambient::{Ambient, Fault};
use chancery_cache_redis::{Redis, RedisQuota, RedisReplayGuard, RedisSeats, RedisTally};
use chancery_guards::{Claim, GuardKey, Mark, Quota, Rate, ReplayGuard, Seat, Seats, Take, Tally};
use deadpool_redis::redis::cmd;

use crate::support::Corner;

const HOUR: Duration = Duration::from_hours(1);

#[tokio::test]
async fn after_a_flush_what_was_signed_before_is_refused() {
    let corner = Corner::new().await;
    let guard = RedisReplayGuard::new(corner.redis.clone());
    let before = guard.remembers_since().await.unwrap();
    let signed = mark(&guard).await;
    assert_eq!(guard.claim(&signed).await.unwrap(), Claim::Claimed);
    corner.flush().await;
    assert_eq!(guard.claim(&signed).await.unwrap(), Claim::Forgotten);
    assert!(guard.remembers_since().await.unwrap() > before);
    let signed_afterwards = mark(&guard).await;
    assert_eq!(guard.claim(&signed_afterwards).await.unwrap(), Claim::Claimed);
}

#[tokio::test]
async fn after_a_change_of_server_what_was_signed_before_is_refused() {
    let corner = Corner::new().await;
    let guard = RedisReplayGuard::new(corner.redis.clone());
    let before = guard.remembers_since().await.unwrap();
    let signed = mark(&guard).await;
    // A replica that took over has the beginning that the old server noted, and not all of its marks.
    let noted = format!("{}:{}", before.unix_micros(), "0".repeat(40));
    let key = format!("{}replay:since", corner.prefix);
    let _: String = corner.ask(cmd("SET").arg(key).arg(noted)).await;
    assert_eq!(guard.claim(&signed).await.unwrap(), Claim::Forgotten);
    assert!(guard.remembers_since().await.unwrap() > before);
}

#[tokio::test]
async fn every_key_but_the_beginning_of_the_memory_ends() {
    let corner = Corner::new().await;
    let guard = RedisReplayGuard::new(corner.redis.clone());
    guard.claim(&mark(&guard).await).await.unwrap();
    let quota = RedisQuota::new(corner.redis.clone());
    quota
        .take(&[Take::one(key("limit"), Rate::new(5, HOUR))])
        .await
        .unwrap();
    let tally = RedisTally::new(corner.redis.clone());
    for _ in 0..2 {
        tally.count(&key("count"), HOUR).await.unwrap();
    }
    let seat = Seat {
        key: key("seat"),
        id: 1,
    };
    let seats = RedisSeats::new(corner.redis.clone());
    assert!(seats.take(&seat, 1, HOUR).await.unwrap());
    let keys = corner.keys().await;
    assert_eq!(keys.len(), 5, "{keys:?}");
    for key in keys.iter().filter(|key| !key.ends_with("replay:since")) {
        let left: i64 = corner.ask(cmd("PTTL").arg(key)).await;
        assert!((1..=3_600_000).contains(&left), "{key} ends in {left} ms");
    }
}

#[tokio::test]
async fn replicas_share_one_limit() {
    let corner = Corner::new().await;
    let take = [Take::one(key("shared"), Rate::new(3, HOUR))];
    let replicas = [(); 2].map(|()| RedisQuota::new(corner.redis.clone()));
    let mut allowed = 0;
    for quota in replicas.iter().cycle().take(8) {
        allowed += u32::from(quota.take(&take).await.unwrap().is_allowed());
    }
    assert_eq!(allowed, 3);
}

#[tokio::test]
async fn a_limit_that_was_lowered_holds_what_was_taken_under_the_old_one() {
    let corner = Corner::new().await;
    let quota = RedisQuota::new(corner.redis.clone());
    let take = |limit, cost| Take {
        cost,
        ..Take::one(key("lowered"), Rate::new(limit, HOUR))
    };
    assert!(quota.take(&[take(100, 50)]).await.unwrap().is_allowed());
    let lowered = quota.take(&[take(2, 1)]).await.unwrap();
    assert!(lowered.is_allowed(), "half of the limit was left");
    assert_eq!(lowered.standings[0].remaining, 0);
    assert!(!quota.take(&[take(2, 1)]).await.unwrap().is_allowed());
}

#[tokio::test]
async fn a_key_of_another_kind_is_damage_and_no_count() {
    let corner = Corner::new().await;
    let _: u32 = corner
        .ask(
            cmd("LPUSH")
                .arg(format!("{}tally:{}", corner.prefix, key("a")))
                .arg("x"),
        )
        .await;
    let tally = RedisTally::new(corner.redis.clone());
    assert!(matches!(tally.read(&key("a")).await, Err(Fault::Corrupt(_))));
    assert!(tally.count(&key("a"), HOUR).await.is_err());
}

#[tokio::test]
async fn a_redis_that_is_not_there_is_a_fault_soon() {
    let redis = Redis::open(&"redis://127.0.0.1:1".to_owned().into()).unwrap();
    let ambient = Ambient::system();
    let began = ambient.clock.monotonic();
    let quota = RedisQuota::new(redis.clone());
    let take = [Take::one(key("a"), Rate::new(1, HOUR))];
    assert!(matches!(quota.take(&take).await, Err(Fault::Unavailable(_))));
    let guard = RedisReplayGuard::new(redis);
    assert!(guard.remembers_since().await.is_err());
    assert!(ambient.clock.monotonic().saturating_sub(began) < Duration::from_secs(10));
}

#[tokio::test]
async fn a_redis_that_hangs_is_a_fault_at_the_deadline() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let redis = Redis::open(&url.into()).unwrap();
    let ambient = Ambient::system();
    let began = ambient.clock.monotonic();
    assert!(RedisTally::new(redis).read(&key("a")).await.is_err());
    let waited = ambient.clock.monotonic().saturating_sub(began);
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    drop(listener);
}

/// The limit in Rust and the limit in Lua are one.
#[tokio::test]
async fn what_lua_reports_adds_up() {
    let corner = Corner::new().await;
    let quota = RedisQuota::new(corner.redis.clone());
    let rate = Rate::new(7, HOUR);
    let mut debt = Duration::ZERO;
    for cost in [1, 2, 0, 3] {
        let take = Take {
            cost,
            ..Take::one(key("sum"), rate)
        };
        debt += rate.debt_of(cost);
        let standing = quota.take(&[take]).await.unwrap().standings[0];
        assert!(standing.whole_in <= debt);
        assert!(debt.saturating_sub(standing.whole_in) < Duration::from_secs(5));
    }
}

fn key(name: &str) -> GuardKey {
    GuardKey::without_tenant("test", &[name])
}

/// Made at the beginning of the guard's memory.
async fn mark(guard: &RedisReplayGuard) -> Mark {
    Mark {
        key: key("nonce"),
        created: guard.remembers_since().await.unwrap(),
        until: Ambient::system().now().plus(Duration::from_mins(5)),
    }
}
