//! How much within how long, and the arithmetic of it.

use std::time::Duration;

/// At most `limit` at once, coming back steadily over `window`.
///
/// This is the generic cell rate algorithm (ITU-T I.371): a limit remembers one moment, at which it is whole again. Each
/// unit taken puts that moment off by `window / limit`; a take that would put it off by more than the window is
/// refused. There is no border between windows at which everything comes back at once; a caller that first takes the
/// whole limit and then what comes back can have up to twice the limit within one window, and never more than `limit` in
/// an instant.
///
/// `backlog`, below, is how long it is from now until the limit is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    limit: u32,
    window: Duration,
}

const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_hours(366 * 24);

impl Rate {
    /// `limit` units in `window`. A limit of 0 allows nothing. The window is held between a millisecond and 366 days.
    #[must_use]
    pub const fn new(limit: u32, window: Duration) -> Self {
        Self { limit, window }
    }

    /// How many units may be taken at once.
    #[must_use]
    pub const fn limit(self) -> u32 {
        self.limit
    }

    /// How long it takes until all of them are back.
    #[must_use]
    pub fn window(self) -> Duration {
        self.window.clamp(SHORTEST, LONGEST)
    }

    /// What a whole limit can bear: the largest backlog. Rounded up to whole microseconds a unit, so that every store
    /// computes alike.
    #[must_use]
    pub fn capacity(self) -> Duration {
        self.interval().saturating_mul(self.limit)
    }

    /// What a take of `cost` units adds to the backlog. A cost above the limit counts as one unit more than the limit: it
    /// never fits, and the wait for it stays finite.
    #[must_use]
    pub fn debt_of(self, cost: u32) -> Duration {
        self.interval()
            .saturating_mul(cost.min(self.limit.saturating_add(1)))
    }

    /// How long until `cost` units can be taken; zero when they can be now. Nothing can always be taken.
    #[must_use]
    pub fn wait(self, backlog: Duration, cost: u32) -> Duration {
        if cost == 0 {
            return Duration::ZERO;
        }
        backlog
            .saturating_add(self.debt_of(cost))
            .saturating_sub(self.capacity())
    }

    /// How many units can be taken now.
    #[must_use]
    pub fn remaining(self, backlog: Duration) -> u32 {
        let left = self.capacity().saturating_sub(backlog).as_micros();
        let units = left.checked_div(self.interval().as_micros()).unwrap_or(0);
        u32::try_from(units).map_or(self.limit, |units| units.min(self.limit))
    }

    /// What one unit adds to the backlog.
    fn interval(self) -> Duration {
        let window = u64::try_from(self.window().as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(window.div_ceil(u64::from(self.limit.max(1))))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Rate;

    const SECOND: Duration = Duration::from_secs(1);

    /// How many single takes fit at once.
    fn fit_at_once(rate: Rate) -> u32 {
        let mut backlog = Duration::ZERO;
        let mut taken = 0;
        while rate.wait(backlog, 1).is_zero() {
            backlog += rate.debt_of(1);
            taken += 1;
        }
        taken
    }

    #[test]
    fn exactly_the_limit_fits_however_it_divides_the_window() {
        for limit in [0, 1, 2, 3, 7, 60, 100, 3000, 1_000_003] {
            assert_eq!(fit_at_once(Rate::new(limit, SECOND)), limit);
        }
    }

    #[test]
    fn what_was_taken_comes_back_one_by_one() {
        let rate = Rate::new(10, SECOND);
        let spent = rate.capacity();
        assert_eq!(rate.remaining(spent), 0);
        assert_eq!(rate.wait(spent, 1), SECOND / 10);
        assert_eq!(rate.wait(spent, 3), SECOND * 3 / 10);
        assert_eq!(rate.remaining(SECOND * 9 / 10), 1);
        assert_eq!(rate.remaining(Duration::ZERO), 10);
    }

    #[test]
    fn a_cost_above_the_limit_never_fits() {
        let rate = Rate::new(10, SECOND);
        assert_eq!(rate.wait(Duration::ZERO, 11), SECOND / 10);
        assert_eq!(rate.wait(Duration::ZERO, u32::MAX), SECOND / 10);
        assert_eq!(rate.wait(Duration::ZERO, 10), Duration::ZERO);
    }

    #[test]
    fn a_limit_of_nothing_refuses_everything_but_a_look() {
        let rate = Rate::new(0, SECOND);
        assert_eq!(rate.wait(Duration::ZERO, 1), SECOND);
        assert_eq!(rate.wait(Duration::ZERO, 0), Duration::ZERO);
        assert_eq!(rate.remaining(Duration::ZERO), 0);
    }

    #[test]
    fn the_extremes_do_not_overflow() {
        for limit in [0, 1, u32::MAX] {
            for window in [Duration::ZERO, Duration::MAX] {
                let rate = Rate::new(limit, window);
                let _ = rate.wait(Duration::MAX, u32::MAX);
                assert_eq!(rate.remaining(Duration::ZERO), limit);
            }
        }
    }
}
