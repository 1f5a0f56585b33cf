//! Limits of one node.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chancery_ambient::{Clock, Fault};
use chancery_guards::{Quota, Take, Verdict};

use crate::expiring::Expiring;

/// [`Quota`] in memory, on the monotonic clock.
pub struct InProcessQuota {
    clock: Arc<dyn Clock>,
    /// When each limit that was taken from is whole again; it ends there.
    limits: Mutex<Expiring<Duration>>,
}

impl InProcessQuota {
    /// Keeps up to `capacity` limits that are not whole. Beyond, the one nearest to being whole counts as whole.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, capacity: usize) -> Self {
        Self {
            clock,
            limits: Mutex::new(Expiring::with_capacity(capacity)),
        }
    }
}

#[async_trait]
impl Quota for InProcessQuota {
    async fn take(&self, takes: &[Take]) -> Result<Verdict, Fault> {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.monotonic();
        limits.sweep(now, |_| true);
        let mut whole_at = HashMap::new();
        let mut backlogs = Vec::with_capacity(takes.len());
        for take in takes {
            let stored = || limits.find(&take.key).map_or(now, |at| (*at).max(now));
            let at = whole_at.entry(&take.key).or_insert_with(stored);
            backlogs.push(at.saturating_sub(now));
            *at = at.saturating_add(take.rate.debt_of(take.cost));
        }
        let verdict = Verdict::weigh(takes, &backlogs);
        if verdict.is_allowed() {
            for (key, at) in whole_at.into_iter().filter(|(_, at)| *at > now) {
                limits.put(key, at, at);
            }
        }
        Ok(verdict)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use chancery_ambient::{ManualClock, Timestamp};
    use chancery_guards::{GuardKey, Quota, Rate, Take};

    use super::InProcessQuota;

    const MINUTE: Duration = Duration::from_mins(1);

    fn world(capacity: usize) -> (Arc<ManualClock>, InProcessQuota) {
        let clock = Arc::new(ManualClock::at(Timestamp::EPOCH));
        (clock.clone(), InProcessQuota::new(clock, capacity))
    }

    fn take(name: &str, cost: u32) -> Take {
        Take {
            cost,
            ..Take::one(GuardKey::without_tenant("test", &[name]), Rate::new(6, MINUTE))
        }
    }

    #[tokio::test]
    async fn there_is_no_burst_at_the_border_of_a_window() {
        let (clock, quota) = world(10);
        clock.advance(Duration::from_millis(59_999));
        assert!(quota.take(&[take("a", 6)]).await.unwrap().is_allowed());
        clock.advance(Duration::from_millis(2));
        let refused = quota.take(&[take("a", 1)]).await.unwrap();
        assert_eq!(refused.retry_after(), Some(Duration::from_millis(9998)));
        assert_eq!(refused.retry_after_seconds(), Some(10));
        clock.advance(MINUTE / 2);
        assert!(!quota.take(&[take("a", 4)]).await.unwrap().is_allowed());
        assert!(quota.take(&[take("a", 3)]).await.unwrap().is_allowed());
    }

    #[tokio::test]
    async fn a_jump_of_the_calendar_gives_nothing_back() {
        let (clock, quota) = world(10);
        assert!(quota.take(&[take("a", 6)]).await.unwrap().is_allowed());
        clock.jump_to(Timestamp::EPOCH.plus(Duration::from_hours(5)));
        assert!(!quota.take(&[take("a", 1)]).await.unwrap().is_allowed());
    }

    #[tokio::test]
    async fn when_memory_is_full_the_limit_nearest_to_whole_is_forgotten() {
        let (clock, quota) = world(2);
        for (name, cost) in [("heavy", 6), ("light", 1)] {
            assert!(quota.take(&[take(name, cost)]).await.unwrap().is_allowed());
        }
        assert!(quota.take(&[take("new", 2)]).await.unwrap().is_allowed());
        assert!(!quota.take(&[take("heavy", 1)]).await.unwrap().is_allowed());
        let light = quota.take(&[take("light", 0)]).await.unwrap();
        assert_eq!(light.standings[0].remaining, 6);
        clock.advance(MINUTE);
        assert!(quota.take(&[take("heavy", 6)]).await.unwrap().is_allowed());
    }
}
