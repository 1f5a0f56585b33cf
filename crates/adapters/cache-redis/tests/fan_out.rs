//! The fan-out between processes, and with a Redis that loses things.

use std::{sync::Arc, time::Duration};

use chancery_agents::{Followed, ItemPlace, RunEvent, RunFanOut, What};
use chancery_ambient::{Ambient, Clock, ManualClock, SystemClock, Timestamp, TokioTasks};
use chancery_cache_redis::{Redis, RedisFanOut};
use chancery_ids::{RunId, TenantId};
use deadpool_redis::redis::cmd;
use futures::StreamExt;

use crate::support::{Corner, database, fresh};

chancery_agents::run_fan_out_contract!(process(&fresh()));

#[tokio::test(flavor = "multi_thread")]
async fn readers_on_every_replica_see_the_same() {
    let redis = fresh();
    let (writer, others) = (process(&redis), [(); 3].map(|()| process(&redis)));
    let run = any_run();
    writer.publish(run.0, run.1, &[event(1)]).await;
    let mut readers = Vec::new();
    for other in &others {
        for _ in 0..5 {
            let following = other.follow(run.0, run.1).await.unwrap();
            assert_eq!(following.kept, [event(1)]);
            readers.push(following.live);
        }
    }
    for id in 2..=40 {
        writer.publish(run.0, run.1, &[event(id)]).await;
    }
    writer.trim(run.0, run.1, 40).await;
    writer.close(run.0, run.1).await;
    let expected: Vec<_> = (2..=40).map(|id| Followed::Event(event(id))).collect();
    for live in readers {
        assert_eq!(live.collect::<Vec<_>>().await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_a_process_share_one_connection_and_the_last_ends_it() {
    // Nobody else uses this database, so its connections are this test's.
    let fan_out = process(&database(9));
    let corner = Corner::new().await;
    let runs = [(); 20].map(|()| any_run());
    let mut readers = Vec::new();
    for run in runs {
        fan_out.publish(run.0, run.1, &[event(1)]).await;
        for _ in 0..3 {
            readers.push(fan_out.follow(run.0, run.1).await.unwrap());
        }
    }
    assert_eq!(listening(&corner).await, ["sub=20"]);
    readers.truncate(3);
    eventually(async || listening(&corner).await == ["sub=1"]).await;
    readers.clear();
    eventually(async || listening(&corner).await.is_empty()).await;
    let again = fan_out.follow(runs[0].0, runs[0].1).await.unwrap();
    assert_eq!(again.kept, [event(1)]);
    assert_eq!(listening(&corner).await, ["sub=1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_connection_is_lost_readers_are_cut_off_and_can_follow_again() {
    let fan_out = process(&database(10));
    let corner = Corner::new().await;
    let run = any_run();
    fan_out.publish(run.0, run.1, &[event(1)]).await;
    let following = fan_out.follow(run.0, run.1).await.unwrap();
    for line in clients(&corner, "db=10").await {
        let id = field(&line, "id=").unwrap().to_owned();
        let _: u32 = corner
            .ask(cmd("CLIENT").arg("KILL").arg("ID").arg(&id["id=".len()..]))
            .await;
    }
    assert_eq!(following.live.collect::<Vec<_>>().await, [Followed::CutOff]);
    let mut again = fan_out.follow(run.0, run.1).await.unwrap();
    fan_out.publish(run.0, run.1, &[event(2)]).await;
    assert_eq!(again.live.next().await, Some(Followed::Event(event(2))));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_flush_nobody_goes_on_behind_the_hole() {
    let corner = Corner::new().await;
    let fan_out = process(&corner.redis);
    let run = any_run();
    fan_out.publish(run.0, run.1, &[event(1), event(2)]).await;
    let following = fan_out.follow(run.0, run.1).await.unwrap();
    corner.flush().await;
    for id in 3..=5 {
        fan_out.publish(run.0, run.1, &[event(id)]).await;
    }
    assert!(fan_out.follow(run.0, run.1).await.is_none(), "the log is asked");
    fan_out.trim(run.0, run.1, 4).await;
    fan_out.publish(run.0, run.1, &[event(6)]).await;
    assert!(
        fan_out.follow(run.0, run.1).await.is_none(),
        "5 is not in the log yet"
    );
    fan_out.trim(run.0, run.1, 6).await;
    fan_out.publish(run.0, run.1, &[event(7)]).await;
    assert_eq!(following.live.collect::<Vec<_>>().await, [Followed::CutOff]);
    assert_eq!(fan_out.follow(run.0, run.1).await.unwrap().kept, [event(7)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_stream_takes_no_more_before_the_log_has_what_it_holds() {
    let fan_out = process(&fresh());
    let run = any_run();
    let many: Vec<RunEvent> = (1..=2048).map(event).collect();
    fan_out.publish(run.0, run.1, &many).await;
    for id in 2049..=2051 {
        fan_out.publish(run.0, run.1, &[event(id)]).await;
    }
    assert_eq!(fan_out.follow(run.0, run.1).await.unwrap().kept, many);
    fan_out.trim(run.0, run.1, 2051).await;
    fan_out.publish(run.0, run.1, &[event(2052)]).await;
    let following = fan_out.follow(run.0, run.1).await.unwrap();
    assert_eq!(following.kept, [event(2052)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_read_sends_the_runs_readers_to_the_log() {
    let corner = Corner::new().await;
    let fan_out = process(&corner.redis);
    let (one, other) = (any_run(), any_run());
    let mut followings = Vec::new();
    for run in [one, other] {
        fan_out.publish(run.0, run.1, &[event(1)]).await;
        followings.push(fan_out.follow(run.0, run.1).await.unwrap());
    }
    let channel = format!("{}run:{}:{}", corner.prefix, one.0, one.1);
    let heard: u32 = corner
        .ask(cmd("PUBLISH").arg(channel).arg(r#"{"kind":"of tomorrow"}"#))
        .await;
    assert_eq!(heard, 1);
    let [of_one, of_other] = <[_; 2]>::try_from(followings).ok().unwrap();
    assert_eq!(of_one.live.collect::<Vec<_>>().await, [Followed::CutOff]);
    fan_out.publish(other.0, other.1, &[event(2)]).await;
    fan_out.close(other.0, other.1).await;
    assert_eq!(
        of_other.live.collect::<Vec<_>>().await,
        [Followed::Event(event(2))]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_published_twice_is_shown_once() {
    let redis = fresh();
    let (owner, heir) = (process(&redis), process(&redis));
    let run = any_run();
    owner.publish(run.0, run.1, &[event(1), event(2)]).await;
    let following = heir.follow(run.0, run.1).await.unwrap();
    heir.publish(run.0, run.1, &[event(2), event(3)]).await;
    heir.close(run.0, run.1).await;
    assert_eq!(
        following.live.collect::<Vec<_>>().await,
        [Followed::Event(event(3))]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_hears_nothing_is_sent_to_the_log() {
    let clock = Arc::new(ManualClock::at(Timestamp::EPOCH));
    let fan_out = RedisFanOut::new(fresh(), clock.clone(), TokioTasks::current());
    let run = any_run();
    fan_out.publish(run.0, run.1, &[event(1)]).await;
    let mut live = fan_out.follow(run.0, run.1).await.unwrap().live;
    assert!(futures::poll!(live.next()).is_pending());
    clock.advance(Duration::from_secs(20));
    assert_eq!(live.next().await, Some(Followed::CutOff));
    assert_eq!(live.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stream_ends_by_itself() {
    let corner = Corner::new().await;
    let fan_out = process(&corner.redis);
    let run = any_run();
    fan_out.publish(run.0, run.1, &[event(1)]).await;
    let keys = corner.keys().await;
    assert_eq!(keys, [format!("{}run:{}:{}", corner.prefix, run.0, run.1)]);
    let left: i64 = corner.ask(cmd("PTTL").arg(&keys)).await;
    assert!((1..=60_000).contains(&left), "{left}");
    fan_out.close(run.0, run.1).await;
    assert!(corner.keys().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_nothing_is_carried_and_nobody_waits_long() {
    let fan_out = process(&Redis::open(&"redis://127.0.0.1:1".to_owned().into()).unwrap());
    let clock = SystemClock::default();
    let run = any_run();
    for id in 1..=50 {
        fan_out.publish(run.0, run.1, &[event(id)]).await;
    }
    assert!(fan_out.follow(run.0, run.1).await.is_none());
    fan_out.close(run.0, run.1).await;
    assert!(clock.monotonic() < Duration::from_secs(8));
}

/// The fan-out of one process.
fn process(redis: &Redis) -> RedisFanOut {
    RedisFanOut::new(
        redis.clone(),
        Arc::new(SystemClock::default()),
        TokioTasks::current(),
    )
}

fn any_run() -> (TenantId, RunId) {
    (Ambient::system().new_id(), Ambient::system().new_id())
}

fn event(id: u64) -> RunEvent {
    RunEvent {
        id,
        at: Timestamp::EPOCH,
        agent: Some("triage".to_owned()),
        scope: None,
        what: What::MessageDelta {
            item: ItemPlace {
                output_index: 0,
                item_id: "item".to_owned(),
            },
            delta: format!("\u{e9} {id}\n"),
        },
    }
}

/// How many channels each connection of database 9 listens to.
async fn listening(corner: &Corner) -> Vec<String> {
    let lines = clients(corner, "db=9").await;
    let subscribed = lines.iter().filter_map(|line| field(line, "sub="));
    subscribed
        .filter(|sub| *sub != "sub=0")
        .map(str::to_owned)
        .collect()
}

async fn clients(corner: &Corner, database: &str) -> Vec<String> {
    let list: String = corner.ask(cmd("CLIENT").arg("LIST")).await;
    let of_database = list
        .lines()
        .filter(|line| field(line, database) == Some(database));
    of_database.map(str::to_owned).collect()
}

fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split(' ').find(|field| field.starts_with(name))
}

async fn eventually(holds: impl AsyncFn() -> bool) {
    for _ in 0..200 {
        if holds().await {
            return;
        }
        Ambient::system().sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came to be");
}
