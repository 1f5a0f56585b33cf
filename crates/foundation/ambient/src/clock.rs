//! Time, asked for and waited for.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use futures::future::{BoxFuture, Either, FutureExt, select};

use crate::Timestamp;

/// Tells the time and waits for it.
pub trait Clock: Send + Sync {
    /// The calendar time. May jump, forwards and back.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment of this process. Never goes back; for measuring and for leases held in memory.
    fn monotonic(&self) -> Duration;

    /// Waits on the monotonic clock.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// The wait was longer than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the deadline passed")]
pub struct DeadlinePassed;

/// Waits for `work`, at most for `limit`. Work that loses is dropped: never wrap a database statement in this (they are
/// bounded by the database).
pub async fn within<T>(
    clock: &dyn Clock,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Result<T, DeadlinePassed> {
    let work = std::pin::pin!(work);
    match select(work, clock.sleep(limit)).await {
        Either::Left((done, _)) => Ok(done),
        Either::Right(((), _)) => Err(DeadlinePassed),
    }
}

/// The machine's clock.
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the machine's clock"
    )]
    fn default() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the machine's clock"
    )]
    fn now(&self) -> Timestamp {
        chrono::Utc::now().into()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that waits")]
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(duration).boxed()
    }
}
