//! The MUST clauses of [`RunFanOut`], and what its methods promise besides.
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use chancery_ambient::Ambient;
use chancery_ids::{RunId, TenantId};
use futures::{StreamExt, future::join};

use super::turns::event;
use crate::{Followed, Following, READER_BUFFER, RunEvent, RunFanOut};

/// A run that nobody publishes is not carried.
pub async fn a_run_that_was_never_published_is_not_carried(fan_out: &dyn RunFanOut) {
    let run = AnyRun::new();
    assert!(run.follow(fan_out).await.is_none());
}

/// What was published before is kept, what is published after is live, each once and in order.
pub async fn a_reader_gets_what_is_kept_and_what_comes(fan_out: &dyn RunFanOut) {
    let run = AnyRun::new();
    run.publish(fan_out, 1..=3).await;
    let following = run.follow(fan_out).await.unwrap();
    assert_eq!(ids(&following.kept), [1, 2, 3]);
    run.publish(fan_out, 4..=5).await;
    run.publish(fan_out, 6..=6).await;
    run.close(fan_out).await;
    let live: Vec<_> = following.live.collect().await;
    assert_eq!(live, [4, 5, 6].map(|id| Followed::Event(event(id))));
}

/// A reader that comes while events are published loses none between what is kept and what is live.
pub async fn nothing_is_lost_between_kept_and_live(fan_out: &dyn RunFanOut) {
    for _ in 0..20 {
        let run = AnyRun::new();
        run.publish(fan_out, 1..=1).await;
        let publishing = async {
            for id in 2..=60 {
                run.publish(fan_out, id..=id).await;
            }
            run.close(fan_out).await;
        };
        let (following, ()) = join(run.follow(fan_out), publishing).await;
        let Some(following) = following else { continue };
        let live = following.live.collect::<Vec<_>>().await;
        let seen = following.kept.into_iter().map(Followed::Event).chain(live);
        let expected: Vec<_> = (1..=60).map(|id| Followed::Event(event(id))).collect();
        assert_eq!(seen.collect::<Vec<_>>(), expected);
    }
}

/// Nobody waits for a reader that does not read: it gets the beginning of what it missed at most, is told that it was cut
/// off, and nothing more. Others are not touched.
pub async fn a_reader_that_does_not_read_is_cut_off(fan_out: &dyn RunFanOut) {
    let run = AnyRun::new();
    run.publish(fan_out, 1..=1).await;
    let slow = run.follow(fan_out).await.unwrap();
    let mut quick = run.follow(fan_out).await.unwrap();
    let many = u64::try_from(READER_BUFFER).unwrap() + 50;
    for id in 2..=many {
        run.publish(fan_out, id..=id).await;
        assert_eq!(quick.live.next().await, Some(Followed::Event(event(id))));
    }
    let mut seen: Vec<_> = slow.live.collect().await;
    assert_eq!(seen.pop(), Some(Followed::CutOff));
    assert!(seen.len() <= READER_BUFFER);
    let expected: Vec<_> = (2..)
        .take(seen.len())
        .map(|id| Followed::Event(event(id)))
        .collect();
    assert_eq!(seen, expected);
    run.close(fan_out).await;
    assert_eq!(quick.live.next().await, None);
}

/// What was trimmed is not kept any more; the rest is.
pub async fn trimmed_events_are_forgotten(fan_out: &dyn RunFanOut) {
    let run = AnyRun::new();
    run.publish(fan_out, 1..=5).await;
    fan_out.trim(run.tenant, run.id, 3).await;
    assert_eq!(ids(&run.follow(fan_out).await.unwrap().kept), [4, 5]);
    fan_out.trim(run.tenant, run.id, 5).await;
    let following = run.follow(fan_out).await.unwrap();
    assert!(
        following.kept.is_empty(),
        "the run is still carried, and holds nothing"
    );
}

/// A reader of a closed run gets what it has not read yet, then the end; a new one is told to look elsewhere.
pub async fn a_closed_run_ends_its_readers(fan_out: &dyn RunFanOut) {
    let run = AnyRun::new();
    run.publish(fan_out, 1..=1).await;
    let following = run.follow(fan_out).await.unwrap();
    run.publish(fan_out, 2..=3).await;
    run.close(fan_out).await;
    let live: Vec<_> = following.live.collect().await;
    assert_eq!(live, [2, 3].map(|id| Followed::Event(event(id))));
    assert!(run.follow(fan_out).await.is_none());
}

/// Runs do not see each other's events, not even under one id in two tenants.
pub async fn runs_are_carried_apart(fan_out: &dyn RunFanOut) {
    let one = AnyRun::new();
    let other = AnyRun {
        tenant: Ambient::system().new_id(),
        ..one
    };
    one.publish(fan_out, 1..=2).await;
    assert!(other.follow(fan_out).await.is_none());
    other.publish(fan_out, 7..=7).await;
    assert_eq!(ids(&one.follow(fan_out).await.unwrap().kept), [1, 2]);
    other.close(fan_out).await;
    assert!(one.follow(fan_out).await.is_some());
}

#[derive(Clone, Copy)]
struct AnyRun {
    tenant: TenantId,
    id: RunId,
}

impl AnyRun {
    fn new() -> Self {
        let ambient = Ambient::system();
        Self {
            tenant: ambient.new_id(),
            id: ambient.new_id(),
        }
    }

    async fn publish(&self, fan_out: &dyn RunFanOut, ids: impl Iterator<Item = u64>) {
        let events: Vec<RunEvent> = ids.map(event).collect();
        fan_out.publish(self.tenant, self.id, &events).await;
    }

    async fn follow(&self, fan_out: &dyn RunFanOut) -> Option<Following> {
        fan_out.follow(self.tenant, self.id).await
    }

    async fn close(&self, fan_out: &dyn RunFanOut) {
        fan_out.close(self.tenant, self.id).await;
    }
}

fn ids(events: &[RunEvent]) -> Vec<u64> {
    events.iter().map(|event| event.id).collect()
}

/// Turns the clauses into tests. `$fresh` is an expression that yields an implementation with nothing in it.
#[macro_export]
macro_rules! run_fan_out_contract {
    ($fresh:expr) => {
        $crate::run_fan_out_contract!(@tests $fresh,
            a_run_that_was_never_published_is_not_carried, a_reader_gets_what_is_kept_and_what_comes,
            nothing_is_lost_between_kept_and_live, a_reader_that_does_not_read_is_cut_off,
            trimmed_events_are_forgotten, a_closed_run_ends_its_readers, runs_are_carried_apart);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            $crate::contract::run_fan_out::$clause(&$fresh).await;
        }
    )*};
}
