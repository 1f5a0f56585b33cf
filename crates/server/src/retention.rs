//! Forgetting what is not kept for ever: one replica at a time, in batches, one kind of thing after another.

mod jobs;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chancery_ambient::{Ambient, Fault, Timestamp};
use chancery_guards::Leases;
use chancery_ids::ReplicaId;

pub(crate) use jobs::{Conversations, RunLogs, Sessions, UsageRecords};

/// Things that one change forgets, or one batch of changes.
const BATCH: u16 = 200;
/// Longer than any batch takes; whoever dies with the lease holds nobody up for long.
const LEASE: Duration = Duration::from_mins(2);

/// One kind of thing that is not kept for ever.
#[async_trait]
pub(crate) trait Job: Send + Sync {
    /// What has to be done from time to time, however long things are kept.
    async fn prepare(&self, _now: Timestamp) -> Result<(), Fault> {
        Ok(())
    }

    /// How many are too old. Changes nothing.
    async fn count(&self, before: Timestamp) -> Result<u64, Fault>;

    /// Forgets up to `limit` that are too old; how many. Fewer than `limit` say that there are no more for now.
    async fn forget(&self, before: Timestamp, limit: u16) -> Result<u64, Fault>;
}

/// A job, and for how long it leaves things alone.
pub(crate) struct Rule {
    /// What it forgets, as operators and metrics call it.
    pub(crate) what: &'static str,
    /// For how long; `None` for ever.
    pub(crate) kept: Option<Duration>,
    /// Forgets it.
    pub(crate) job: Box<dyn Job>,
}

/// Forgets what is too old.
pub(crate) struct Retention {
    /// What there is to forget.
    pub(crate) rules: Vec<Rule>,
    /// Who does it.
    pub(crate) leases: Arc<dyn Leases>,
    /// This process.
    pub(crate) replica: ReplicaId,
    /// Time.
    pub(crate) ambient: Ambient,
}

/// What a pass over one kind of thing came to.
#[derive(Debug)]
pub(crate) struct Pass {
    /// What was to be forgotten.
    pub(crate) what: &'static str,
    /// How many were, whatever came then.
    pub(crate) forgotten: u64,
    /// How it ended.
    pub(crate) end: PassEnd,
}

/// How a pass ended.
#[derive(Debug)]
pub(crate) enum PassEnd {
    /// Nothing is too old any more.
    Complete,
    /// Another process does this.
    Elsewhere,
    /// Something failed; the next pass goes on.
    Failed(Fault),
}

impl Retention {
    /// Forgets what is too old of each kind, as long as this process holds the lease. A kind that fails keeps no other from its turn.
    pub(crate) async fn forget(&self) -> Vec<Pass> {
        let mut passes = Vec::new();
        for rule in &self.rules {
            let mut forgotten = 0;
            let end = match self.pass(rule, &mut forgotten).await {
                Ok(end) => end,
                Err(fault) => PassEnd::Failed(fault),
            };
            passes.push(Pass {
                what: rule.what,
                forgotten,
                end,
            });
        }
        passes
    }

    /// Adds to `forgotten` as it goes: what was forgotten stays so, whatever comes then.
    async fn pass(&self, rule: &Rule, forgotten: &mut u64) -> Result<PassEnd, Fault> {
        if !self.hold().await? {
            return Ok(PassEnd::Elsewhere);
        }
        rule.job.prepare(self.ambient.now()).await?;
        let Some(kept) = rule.kept else {
            return Ok(PassEnd::Complete);
        };
        loop {
            let batch = rule.job.forget(self.ambient.now().minus(kept), BATCH).await?;
            *forgotten += batch;
            if batch < u64::from(BATCH) {
                return Ok(PassEnd::Complete);
            }
            if !self.hold().await? {
                return Ok(PassEnd::Elsewhere);
            }
        }
    }

    async fn hold(&self) -> Result<bool, Fault> {
        let now = self.ambient.now();
        self.leases
            .hold("retention", self.replica, now, now.plus(LEASE))
            .await
    }

    /// How many of each kind are too old; `None` for what is kept for ever. Changes nothing.
    ///
    /// # Errors
    /// When the store failed.
    pub(crate) async fn count(&self) -> Result<Vec<(&'static str, Option<u64>)>, Fault> {
        let mut counts = Vec::new();
        for Rule { what, kept, job } in &self.rules {
            let count = match kept {
                Some(kept) => Some(job.count(self.ambient.now().minus(*kept)).await?),
                None => None,
            };
            counts.push((*what, count));
        }
        Ok(counts)
    }
}

#[cfg(test)]
mod tests;
