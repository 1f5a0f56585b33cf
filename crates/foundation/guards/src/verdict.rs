//! What a quota is asked, and what it answers.

use std::time::Duration;

use crate::{GuardKey, Rate};

/// What somebody wants to take from one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Take {
    /// Whose limit, and of what.
    pub key: GuardKey,
    /// The limit.
    pub rate: Rate,
    /// How many units. 0 takes nothing and only tells how things stand.
    pub cost: u32,
}

impl Take {
    /// One unit of a limit.
    #[must_use]
    pub const fn one(key: GuardKey, rate: Rate) -> Self {
        Self { key, rate, cost: 1 }
    }
}

/// How one limit stands after a take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many units may be taken at once when the limit is whole.
    pub limit: u32,
    /// How long a spent limit needs to be whole again.
    pub window: Duration,
    /// How many units can be taken now.
    pub remaining: u32,
    /// How long until the limit is whole again.
    pub whole_in: Duration,
    /// How long until this limit would allow the take; zero when it does.
    pub wait: Duration,
}

/// The answer to several takes at once: all were taken, or none was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// One for each take, in their order.
    pub standings: Vec<Standing>,
}

impl Verdict {
    /// The rule that every store of quotas keeps to: given how long each limit needs until it is whole, the takes are
    /// allowed when every one fits.
    #[must_use]
    pub fn weigh(takes: &[Take], backlogs: &[Duration]) -> Self {
        let weighed = || takes.iter().zip(backlogs);
        let allowed = weighed().all(|(take, backlog)| take.rate.wait(*backlog, take.cost).is_zero());
        let standings = weighed().map(|(take, before)| {
            let rate = take.rate;
            let after = if allowed {
                before.saturating_add(rate.debt_of(take.cost))
            } else {
                *before
            };
            Standing {
                limit: rate.limit(),
                window: rate.window(),
                remaining: rate.remaining(after),
                whole_in: after,
                wait: rate.wait(*before, take.cost),
            }
        });
        Self {
            standings: standings.collect(),
        }
    }

    /// Whether everything was taken.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.retry_after().is_none()
    }

    /// How long until everything could be taken, if nobody else takes; `None` when it was taken now.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let longest = self.standings.iter().map(|standing| standing.wait).max();
        longest.filter(|wait| !wait.is_zero())
    }

    /// The same in whole seconds, rounded up, as `Retry-After` has it (RFC 9110 section 10.2.3).
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after()
            .map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
    }

    /// The limit to tell the caller of: the one that refuses longest, else the one with the least left.
    #[must_use]
    pub fn narrowest(&self) -> Option<&Standing> {
        self.standings
            .iter()
            .min_by_key(|standing| (std::cmp::Reverse(standing.wait), standing.remaining))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Take, Verdict};
    use crate::{GuardKey, Rate};

    const SECOND: Duration = Duration::from_secs(1);

    fn takes() -> [Take; 2] {
        let key = |name| GuardKey::without_tenant("test", &[name]);
        [
            Take::one(key("wide"), Rate::new(100, SECOND * 100)),
            Take::one(key("narrow"), Rate::new(2, SECOND * 5)),
        ]
    }

    #[test]
    fn when_all_fit_all_are_taken() {
        let verdict = Verdict::weigh(&takes(), &[Duration::ZERO; 2]);
        assert!(verdict.is_allowed());
        let left: Vec<_> = verdict.standings.iter().map(|one| one.remaining).collect();
        assert_eq!(left, [99, 1]);
        assert_eq!(verdict.narrowest().unwrap().limit, 2);
        assert_eq!(verdict.narrowest().unwrap().whole_in, SECOND * 5 / 2);
    }

    #[test]
    fn when_one_refuses_none_is_taken() {
        let verdict = Verdict::weigh(&takes(), &[Duration::ZERO, SECOND * 5]);
        assert!(!verdict.is_allowed());
        assert_eq!(verdict.standings[0].remaining, 100);
        assert_eq!(verdict.retry_after(), Some(SECOND * 5 / 2));
        assert_eq!(verdict.retry_after_seconds(), Some(3));
        assert_eq!(verdict.narrowest().unwrap().limit, 2);
    }

    #[test]
    fn nothing_asked_is_allowed() {
        assert!(Verdict::weigh(&[], &[]).is_allowed());
    }
}
