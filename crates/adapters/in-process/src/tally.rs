//! Counts of one node.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chancery_ambient::{Clock, Fault};
use chancery_guards::{GuardKey, Tally};

use crate::expiring::Expiring;

/// [`Tally`] in memory, on the monotonic clock.
pub struct InProcessTally {
    clock: Arc<dyn Clock>,
    counts: Mutex<Expiring<u64>>,
}

impl InProcessTally {
    /// Keeps up to `capacity` counts. Beyond, the one that ends first is forgotten.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, capacity: usize) -> Self {
        Self {
            clock,
            counts: Mutex::new(Expiring::with_capacity(capacity)),
        }
    }

    /// The counts whose life is not over.
    fn counts(&self) -> MutexGuard<'_, Expiring<u64>> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.sweep(self.clock.monotonic(), |_| true);
        counts
    }
}

#[async_trait]
impl Tally for InProcessTally {
    async fn count(&self, key: &GuardKey, life: Duration) -> Result<u64, Fault> {
        let mut counts = self.counts();
        if let Some(count) = counts.find_mut(key) {
            *count = count.saturating_add(1);
            return Ok(*count);
        }
        counts.put(key, self.clock.monotonic().saturating_add(life), 1);
        Ok(1)
    }

    async fn read(&self, key: &GuardKey) -> Result<u64, Fault> {
        Ok(self.counts().find(key).copied().unwrap_or(0))
    }

    async fn clear(&self, key: &GuardKey) -> Result<(), Fault> {
        self.counts().remove(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use chancery_ambient::{ManualClock, Timestamp};
    use chancery_guards::{GuardKey, Tally};

    use super::InProcessTally;

    #[tokio::test]
    async fn when_memory_is_full_the_count_that_ends_first_is_forgotten() {
        let clock = Arc::new(ManualClock::at(Timestamp::EPOCH));
        let tally = InProcessTally::new(clock.clone(), 2);
        let key = |name| GuardKey::without_tenant("test", &[name]);
        for (name, minutes) in [("long", 9), ("short", 1), ("new", 5)] {
            let life = Duration::from_mins(minutes);
            assert_eq!(tally.count(&key(name), life).await.unwrap(), 1);
        }
        assert_eq!(tally.read(&key("short")).await.unwrap(), 0);
        assert_eq!(tally.read(&key("long")).await.unwrap(), 1);
        clock.advance(Duration::from_mins(5));
        assert_eq!(tally.read(&key("new")).await.unwrap(), 0);
        assert_eq!(tally.read(&key("long")).await.unwrap(), 1);
    }
}
