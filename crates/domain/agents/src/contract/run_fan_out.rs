//! The MUST clauses of [`RunFanOut`].
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "contract functions are assertions")]

use std::sync::Arc;

use chancery_ambient::Ambient;
use chancery_ids::{RunId, TenantId};
use futures::StreamExt;

use super::delta;
use crate::{Followed, READER_BUFFER, RunFanOut};

type FanOut = Arc<dyn RunFanOut>;

fn run() -> (TenantId, RunId) {
    (Ambient::system().new_id(), Ambient::system().new_id())
}

/// What was published and not trimmed, then what comes, then the end.
pub async fn a_reader_loses_nothing_between_what_is_kept_and_what_comes(fan_out: FanOut) {
    let (tenant, run) = run();
    let events: Vec<_> = (1..=4).map(|id| delta(id, "x")).collect();
    fan_out.publish(tenant, run, events.get(..2).unwrap()).await;
    fan_out.trim(tenant, run, 1).await;
    let mut following = fan_out.follow(tenant, run).await.unwrap();
    fan_out.publish(tenant, run, events.get(2..).unwrap()).await;
    fan_out.close(tenant, run).await;
    assert_eq!(following.kept, events.get(1..2).unwrap());
    for event in events.get(2..).unwrap() {
        assert_eq!(following.live.next().await, Some(Followed::Event(event.clone())));
    }
    assert_eq!(following.live.next().await, None);
}

/// A reader that does not read is cut off; another one gets everything.
pub async fn a_reader_that_does_not_read_is_cut_off_and_holds_nobody_up(fan_out: FanOut) {
    let (tenant, run) = run();
    fan_out.publish(tenant, run, &[delta(1, "x")]).await;
    let slow = fan_out.follow(tenant, run).await.unwrap();
    let mut quick = fan_out.follow(tenant, run).await.unwrap();
    let last = u64::try_from(READER_BUFFER).unwrap() + 10;
    for id in 2..=last {
        let event = delta(id, "x");
        fan_out.publish(tenant, run, std::slice::from_ref(&event)).await;
        assert_eq!(quick.live.next().await, Some(Followed::Event(event)));
    }
    let read: Vec<_> = slow.live.collect().await;
    assert_eq!(read.len(), READER_BUFFER + 1);
    assert_eq!(read.last(), Some(&Followed::CutOff));
}

/// A run that nobody publishes is not carried here.
pub async fn an_unknown_run_is_not_carried(fan_out: FanOut) {
    let (tenant, run) = run();
    assert!(fan_out.follow(tenant, run).await.is_none());
}

/// Turns the clauses into tests. `$fresh` is an expression that yields an implementation.
#[macro_export]
macro_rules! run_fan_out_contract {
    ($fresh:expr) => {
        $crate::run_fan_out_contract!(@tests $fresh,
            a_reader_loses_nothing_between_what_is_kept_and_what_comes,
            a_reader_that_does_not_read_is_cut_off_and_holds_nobody_up, an_unknown_run_is_not_carried);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test]
        async fn $clause() {
            $crate::contract::run_fan_out::$clause(std::sync::Arc::new($fresh)).await;
        }
    )*};
}
