//! A quota in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chancery_ambient::{Clock, Fault, ManualClock};
use chancery_guards::{GuardKey, Quota, Take, Verdict};

pub(crate) struct MemoryQuota {
    clock: Arc<ManualClock>,
    /// When each limit is whole again.
    whole_at: Mutex<HashMap<GuardKey, Duration>>,
}

impl MemoryQuota {
    pub(crate) fn of(clock: Arc<ManualClock>) -> Self {
        Self {
            clock,
            whole_at: Mutex::default(),
        }
    }
}

#[async_trait]
impl Quota for MemoryQuota {
    async fn take(&self, takes: &[Take]) -> Result<Verdict, Fault> {
        let now = self.clock.monotonic();
        let mut whole_at = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        let backlog = |take: &Take| {
            let whole_at = whole_at.get(&take.key).copied().unwrap_or_default();
            whole_at.saturating_sub(now)
        };
        let backlogs: Vec<_> = takes.iter().map(backlog).collect();
        let verdict = Verdict::weigh(takes, &backlogs);
        for (take, standing) in takes.iter().zip(&verdict.standings) {
            whole_at.insert(take.key.clone(), now + standing.whole_in);
        }
        Ok(verdict)
    }
}
