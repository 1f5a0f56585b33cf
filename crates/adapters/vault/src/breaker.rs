//! Leaves a server alone that does not answer.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Failures in a row after which nobody asks any more.
const LIMIT: u32 = 5;

/// For how long.
const REST: Duration = Duration::from_secs(5);

/// Counts failures in a row. Times are those of a monotonic clock.
#[derive(Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Default)]
struct State {
    failures: u32,
    rest_until: Duration,
}

impl Breaker {
    /// Whether a call may be made at `now`. After a rest one may, to see, and the next rest begins with it: should it never
    /// report, as when its caller leaves, another one sees after that.
    pub(crate) fn admits(&self, now: Duration) -> bool {
        let mut state = self.state();
        if state.failures < LIMIT {
            return true;
        }
        if now < state.rest_until {
            return false;
        }
        state.rest_until = now + REST;
        true
    }

    /// The server answered.
    pub(crate) fn answered(&self) {
        self.state().failures = 0;
    }

    /// The server did not answer.
    pub(crate) fn failed(&self, now: Duration) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        if state.failures >= LIMIT {
            state.rest_until = now + REST;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Breaker;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn failed(times: usize) -> Breaker {
        let breaker = Breaker::default();
        for _ in 0..times {
            assert!(breaker.admits(at(0)));
            breaker.failed(at(0));
        }
        breaker
    }

    #[test]
    fn five_failures_in_a_row_bring_a_rest_of_five_seconds() {
        assert!(failed(4).admits(at(0)));
        let breaker = failed(5);
        assert!(!breaker.admits(at(0)));
        assert!(!breaker.admits(at(4)));
        assert!(breaker.admits(at(5)));
    }

    #[test]
    fn an_answer_makes_the_count_begin_anew() {
        let breaker = failed(4);
        breaker.answered();
        for _ in 0..4 {
            breaker.failed(at(0));
        }
        assert!(breaker.admits(at(0)));
    }

    #[test]
    fn after_the_rest_one_call_sees_how_it_is() {
        let breaker = failed(5);
        assert!(breaker.admits(at(6)));
        assert!(!breaker.admits(at(6)), "one at a time");
        breaker.failed(at(8));
        assert!(!breaker.admits(at(12)));
        assert!(breaker.admits(at(13)));
        breaker.answered();
        assert!(breaker.admits(at(13)));
        assert!(breaker.admits(at(13)));
    }

    #[test]
    fn a_look_that_never_reports_is_followed_by_another() {
        let breaker = failed(5);
        assert!(breaker.admits(at(5)));
        assert!(breaker.admits(at(10)));
    }
}
