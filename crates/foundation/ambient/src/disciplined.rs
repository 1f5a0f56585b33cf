//! A clock that keeps to somebody else's.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use futures::future::BoxFuture;

use crate::{Clock, Timestamp};

/// The longest way there and back that is believed: what was told may be that old.
pub const SLOWEST_SAMPLE: Duration = Duration::from_millis(500);

/// Tells the time of a shared authority: what it said last, and what this machine's monotonic clock has counted since. The
/// machine's calendar is asked only before the first word of the authority, so it may be wrong, and jump.
pub struct DisciplinedClock {
    machine: Arc<dyn Clock>,
    anchor: RwLock<Option<Anchor>>,
}

#[derive(Clone, Copy)]
struct Anchor {
    /// The authority's time.
    time: Timestamp,
    /// When it was that, on the monotonic clock.
    at: Duration,
    /// How far the machine's calendar was ahead of it, in microseconds.
    ahead: i64,
}

/// How the machine's calendar stands to the authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// How far the machine's calendar is ahead, in microseconds; behind when negative.
    pub ahead: i64,
    /// How long ago that was found.
    pub age: Duration,
}

/// A sample that took longer than [`SLOWEST_SAMPLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time was {} ms on its way, too long to be right", .0.as_millis())]
pub struct TooSlow(Duration);

impl DisciplinedClock {
    /// A clock that tells the time of `machine` until it knows better.
    #[must_use]
    pub const fn new(machine: Arc<dyn Clock>) -> Self {
        Self {
            machine,
            anchor: RwLock::new(None),
        }
    }

    /// Takes over what the authority `told` when it was asked at `asked`, on [`Clock::monotonic`], and has just answered. It is
    /// taken to have said so now: this clock is behind the authority's by the way of the answer, and never ahead of it. A token
    /// dated a millisecond ahead is not valid yet for verifiers that allow for nothing.
    pub fn set(&self, told: Timestamp, asked: Duration) -> Result<(), TooSlow> {
        let at = self.monotonic();
        let on_its_way = at.saturating_sub(asked);
        if on_its_way > SLOWEST_SAMPLE {
            return Err(TooSlow(on_its_way));
        }
        let ahead = self
            .machine
            .now()
            .unix_micros()
            .saturating_sub(told.unix_micros());
        let mut anchor = self.anchor.write().unwrap_or_else(PoisonError::into_inner);
        *anchor = Some(Anchor {
            time: told,
            at,
            ahead,
        });
        Ok(())
    }

    /// How the machine's calendar stood when the authority was heard last; `None` before the first time.
    #[must_use]
    pub fn offset(&self) -> Option<Offset> {
        let anchor = self.anchor()?;
        Some(Offset {
            ahead: anchor.ahead,
            age: self.monotonic().saturating_sub(anchor.at),
        })
    }

    fn anchor(&self) -> Option<Anchor> {
        *self.anchor.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for DisciplinedClock {
    fn now(&self) -> Timestamp {
        match self.anchor() {
            Some(anchor) => anchor.time.plus(self.monotonic().saturating_sub(anchor.at)),
            None => self.machine.now(),
        }
    }

    fn monotonic(&self) -> Duration {
        self.machine.monotonic()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.machine.sleep(duration)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::{DisciplinedClock, Offset, SLOWEST_SAMPLE, TooSlow};
    use crate::{Clock, ManualClock, Timestamp};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds).unwrap()
    }

    /// A machine that is nine seconds ahead of an authority at 1000.
    fn ahead() -> (Arc<ManualClock>, DisciplinedClock) {
        let machine = Arc::new(ManualClock::at(at(1009)));
        let clock = DisciplinedClock::new(machine.clone());
        (machine, clock)
    }

    #[test]
    fn before_the_first_word_it_is_the_machines() {
        let (machine, clock) = ahead();
        assert_eq!((clock.now(), clock.offset()), (machine.now(), None));
    }

    #[test]
    fn it_tells_the_authoritys_time_and_goes_on_by_the_monotonic_clock() {
        let (machine, clock) = ahead();
        clock.set(at(1000), clock.monotonic()).unwrap();
        machine.advance(Duration::from_secs(5));
        assert_eq!(clock.now(), at(1005));
        machine.jump_to(at(5));
        assert_eq!(clock.now(), at(1005), "the machine's calendar jumped");
        let offset = Offset {
            ahead: 9_000_000,
            age: Duration::from_secs(5),
        };
        assert_eq!(clock.offset(), Some(offset));
    }

    #[test]
    fn it_is_never_ahead_of_the_authority_and_does_not_believe_a_slow_one() {
        let (machine, clock) = ahead();
        let asked = clock.monotonic();
        machine.advance(SLOWEST_SAMPLE);
        clock.set(at(1000), asked).unwrap();
        assert_eq!(clock.now(), at(1000));
        let asked = clock.monotonic();
        let slow = SLOWEST_SAMPLE + Duration::from_millis(1);
        machine.advance(slow);
        let before = clock.now();
        assert_eq!(clock.set(at(7000), asked), Err(TooSlow(slow)));
        assert_eq!(clock.now(), before);
    }
}
