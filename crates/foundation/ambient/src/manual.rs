//! A clock that tests move, and randomness that repeats.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::{BoxFuture, FutureExt};
use ring::digest::{SHA256, digest};
use tokio::sync::oneshot;

use crate::{Clock, Entropy, Timestamp};

/// A clock that stands still until it is moved.
pub struct ManualClock {
    state: Mutex<State>,
}

struct State {
    now: Timestamp,
    monotonic: Duration,
    sleepers: BTreeMap<(Duration, u64), oneshot::Sender<()>>,
    next_sleeper: u64,
}

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        let state = State {
            now,
            monotonic: Duration::ZERO,
            sleepers: BTreeMap::new(),
            next_sleeper: 0,
        };
        Self {
            state: Mutex::new(state),
        }
    }

    /// Lets time pass, and wakes whoever waited for it.
    pub fn advance(&self, duration: Duration) {
        let mut state = self.state();
        state.now = state.now.plus(duration);
        state.monotonic += duration;
        let later = (state.monotonic + Duration::from_nanos(1), 0);
        let still_asleep = state.sleepers.split_off(&later);
        for (_, sleeper) in std::mem::replace(&mut state.sleepers, still_asleep) {
            // A sleeper that was dropped needs no waking.
            let _ = sleeper.send(());
        }
    }

    /// Sets the calendar, as an operator or a bad time server does: nobody is woken.
    pub fn jump_to(&self, now: Timestamp) {
        self.state().now = now;
    }

    /// How many wait. Lets a test wait until the code under test sleeps.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        self.state()
            .sleepers
            .values()
            .filter(|sleeper| !sleeper.is_closed())
            .count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.state().now
    }

    fn monotonic(&self) -> Duration {
        self.state().monotonic
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        if duration.is_zero() {
            return futures::future::ready(()).boxed();
        }
        let (wake, woken) = oneshot::channel();
        let mut state = self.state();
        let place = (state.monotonic + duration, state.next_sleeper);
        state.next_sleeper += 1;
        state.sleepers.insert(place, wake);
        woken.map(|_| ()).boxed()
    }
}

/// Bytes that differ from draw to draw and repeat from run to run. For tests alone: it is no source of secrets.
#[derive(Default)]
pub struct SeededEntropy {
    draws: AtomicU64,
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let draw = self.draws.fetch_add(1, Ordering::Relaxed);
            let block = digest(&SHA256, &draw.to_be_bytes());
            for (byte, random) in chunk.iter_mut().zip(block.as_ref()) {
                *byte = *random;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::ManualClock;
    use crate::{Clock, DeadlinePassed, Timestamp, within};

    #[tokio::test]
    async fn a_sleeper_wakes_when_its_time_has_come_and_not_before() {
        let clock = ManualClock::at(Timestamp::EPOCH);
        let mut sleep = clock.sleep(Duration::from_secs(2));
        clock.advance(Duration::from_secs(1));
        assert!(futures::poll!(&mut sleep).is_pending());
        clock.advance(Duration::from_secs(1));
        sleep.await;
    }

    #[tokio::test]
    async fn a_jump_of_the_calendar_wakes_nobody() {
        let clock = ManualClock::at(Timestamp::EPOCH);
        let mut sleep = clock.sleep(Duration::from_secs(2));
        clock.jump_to(Timestamp::EPOCH.plus(Duration::from_hours(1)));
        assert!(futures::poll!(&mut sleep).is_pending());
    }

    #[tokio::test]
    async fn work_beyond_its_deadline_is_given_up() {
        let clock = ManualClock::at(Timestamp::EPOCH);
        let mut wait = Box::pin(within(
            &clock,
            Duration::from_secs(1),
            std::future::pending::<()>(),
        ));
        assert!(futures::poll!(&mut wait).is_pending());
        clock.advance(Duration::from_secs(1));
        assert_eq!(wait.await, Err(DeadlinePassed));
    }
}
