//! What one node has accepted.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use chancery_ambient::{Clock, Fault, Timestamp};
use chancery_guards::{Claim, Mark, ReplayGuard};

use crate::expiring::Expiring;

/// [`ReplayGuard`] in memory; remembers since it was made.
///
/// A mark is forgotten only when the calendar and the monotonic clock both say that its time is over, so that a calendar
/// that jumps forth and back lets nothing be used twice.
pub struct InProcessReplayGuard {
    clock: Arc<dyn Clock>,
    since: Timestamp,
    /// Each mark's `until`.
    marks: Mutex<Expiring<Timestamp>>,
}

impl InProcessReplayGuard {
    /// Remembers up to `capacity` marks whose time is not over; while there are so many, new claims are a fault.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, capacity: usize) -> Self {
        Self {
            since: clock.now(),
            clock,
            marks: Mutex::new(Expiring::with_capacity(capacity)),
        }
    }
}

#[async_trait]
impl ReplayGuard for InProcessReplayGuard {
    async fn claim(&self, mark: &Mark) -> Result<Claim, Fault> {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, monotonic) = (self.clock.now(), self.clock.monotonic());
        marks.sweep(monotonic, |until| *until <= now);
        if mark.until <= now {
            return Ok(Claim::Past);
        }
        if mark.created < self.since {
            return Ok(Claim::Forgotten);
        }
        if marks.find(&mark.key).is_some() {
            return Ok(Claim::Replayed);
        }
        if marks.is_full() {
            return Err(Fault::unavailable(
                "the replay guard holds as many marks as it has room for",
            ));
        }
        let ends = monotonic.saturating_add(mark.until.since(now));
        marks.put(&mark.key, ends, mark.until);
        Ok(Claim::Claimed)
    }

    async fn remembers_since(&self) -> Result<Timestamp, Fault> {
        Ok(self.since)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use chancery_ambient::{Fault, ManualClock, Timestamp};
    use chancery_guards::{Claim, GuardKey, Mark, ReplayGuard};

    use super::InProcessReplayGuard;

    const MINUTE: Duration = Duration::from_mins(1);

    fn start() -> Timestamp {
        Timestamp::from_unix_seconds(1_700_000_000).unwrap()
    }

    fn world(capacity: usize) -> (Arc<ManualClock>, InProcessReplayGuard) {
        let clock = Arc::new(ManualClock::at(start()));
        (clock.clone(), InProcessReplayGuard::new(clock, capacity))
    }

    fn mark(nonce: &str) -> Mark {
        Mark {
            key: GuardKey::without_tenant("test", &[nonce]),
            created: start(),
            until: start().plus(MINUTE),
        }
    }

    #[tokio::test]
    async fn a_full_guard_refuses_until_marks_end() {
        let (clock, guard) = world(2);
        for nonce in ["a", "b"] {
            assert_eq!(guard.claim(&mark(nonce)).await.unwrap(), Claim::Claimed);
        }
        assert!(matches!(
            guard.claim(&mark("c")).await,
            Err(Fault::Unavailable(_))
        ));
        assert_eq!(guard.claim(&mark("a")).await.unwrap(), Claim::Replayed);
        clock.advance(MINUTE);
        let later = Mark {
            until: start().plus(MINUTE * 2),
            ..mark("c")
        };
        assert_eq!(guard.claim(&later).await.unwrap(), Claim::Claimed);
    }

    #[tokio::test]
    async fn a_calendar_that_jumps_lets_nothing_be_used_twice() {
        let (clock, guard) = world(10);
        assert_eq!(guard.claim(&mark("a")).await.unwrap(), Claim::Claimed);
        clock.jump_to(start().plus(MINUTE * 60));
        assert_eq!(guard.claim(&mark("a")).await.unwrap(), Claim::Past);
        clock.jump_to(start());
        assert_eq!(guard.claim(&mark("a")).await.unwrap(), Claim::Replayed);
        clock.advance(MINUTE * 2);
        clock.jump_to(start());
        assert_eq!(guard.claim(&mark("a")).await.unwrap(), Claim::Replayed);
    }

    #[tokio::test]
    async fn what_was_signed_before_the_start_is_refused() {
        let (clock, _) = world(10);
        clock.advance(Duration::from_secs(5));
        let restarted = InProcessReplayGuard::new(clock, 10);
        assert_eq!(restarted.claim(&mark("a")).await.unwrap(), Claim::Forgotten);
    }
}
