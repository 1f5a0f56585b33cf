//! Forgetting what is not kept for ever: one replica at a time, in batches.

use std::{sync::Arc, time::Duration};

use chancery_agents::RunLogSystemStore;
use chancery_ambient::{Ambient, Fault, Timestamp};
use chancery_guards::Leases;
use chancery_ids::ReplicaId;

/// Runs whose logs one change forgets.
const BATCH: u16 = 200;
/// Longer than any batch takes; whoever dies with the lease holds nobody up for long.
const LEASE: Duration = Duration::from_mins(2);

/// Forgets the logs of old runs.
pub(crate) struct Retention {
    /// Where they are.
    pub(crate) logs: Arc<dyn RunLogSystemStore>,
    /// Who does it.
    pub(crate) leases: Arc<dyn Leases>,
    /// How long logs are kept; `None` for ever.
    pub(crate) kept: Option<Duration>,
    /// This process.
    pub(crate) replica: ReplicaId,
    /// Time.
    pub(crate) ambient: Ambient,
}

impl Retention {
    /// Forgets what is too old, as long as this process holds the lease; how many logs. None while another process does it.
    ///
    /// # Errors
    /// When the store failed; what was forgotten stays forgotten, and the next call goes on.
    pub(crate) async fn forget(&self) -> Result<u64, Fault> {
        let mut forgotten = 0;
        while let Some(before) = self.before() {
            let now = self.ambient.now();
            let until = now.plus(LEASE);
            if !self.leases.hold("retention", self.replica, now, until).await? {
                break;
            }
            let batch = self.logs.forget_old_logs(before, BATCH).await?;
            forgotten += batch;
            if batch < u64::from(BATCH) {
                break;
            }
        }
        Ok(forgotten)
    }

    /// How many logs are too old. Changes nothing.
    pub(crate) async fn count(&self) -> Result<u64, Fault> {
        match self.before() {
            Some(before) => self.logs.count_old_logs(before).await,
            None => Ok(0),
        }
    }

    fn before(&self) -> Option<Timestamp> {
        self.kept.map(|kept| self.ambient.now().minus(kept))
    }
}
