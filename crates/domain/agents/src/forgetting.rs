//! What is not kept for ever of runs.

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};

/// Forgets the logs of old runs. The runs stay, with their usage and their messages. Cross-tenant on purpose (ARCHITECTURE.md
/// lists it).
#[async_trait]
pub trait RunLogSystemStore: Send + Sync {
    /// How many runs that ended before `before` have a log.
    async fn count_old_logs(&self, before: Timestamp) -> Result<u64, Fault>;

    /// Forgets the logs of up to `limit` runs that ended before `before`, the oldest first; how many. Says so in the runs.
    ///
    /// MUST be one change. MUST NOT touch the log of a run that is live or ended later. What a forgotten log held may be taken
    /// away later, where much at once costs less: nobody reads it any more.
    async fn forget_old_logs(&self, before: Timestamp, limit: u16) -> Result<u64, Fault>;

    /// Readies the storage for the logs of the time to come, where it has to be. Safe to repeat, and for many at once; logs are
    /// kept without it too.
    async fn make_room(&self, now: Timestamp) -> Result<(), Fault>;
}
