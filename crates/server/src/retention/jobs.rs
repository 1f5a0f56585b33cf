//! What is forgotten, each kind through its domain's port.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_agents::RunLogSystemStore;
use chancery_ambient::{Fault, Timestamp};
use chancery_billing::{Day, UsageSystemStore};
use chancery_conversations::OldConversations;
use chancery_tokens::RefreshFamilySystemStore;

use super::Job;

/// The events of runs that ended.
pub(crate) struct RunLogs(pub(crate) Arc<dyn RunLogSystemStore>);

#[async_trait]
impl Job for RunLogs {
    async fn prepare(&self, now: Timestamp) -> Result<(), Fault> {
        self.0.make_room(now).await
    }

    async fn count(&self, before: Timestamp) -> Result<u64, Fault> {
        self.0.count_old_logs(before).await
    }

    async fn forget(&self, before: Timestamp, limit: u16) -> Result<u64, Fault> {
        self.0.forget_old_logs(before, limit).await
    }
}

/// Conversations that nobody has changed.
pub(crate) struct Conversations(pub(crate) OldConversations);

#[async_trait]
impl Job for Conversations {
    async fn count(&self, before: Timestamp) -> Result<u64, Fault> {
        self.0.count(before).await
    }

    async fn forget(&self, before: Timestamp, limit: u16) -> Result<u64, Fault> {
        self.0.forget(before, limit).await
    }
}

/// Sessions that are over.
pub(crate) struct Sessions(pub(crate) Arc<dyn RefreshFamilySystemStore>);

#[async_trait]
impl Job for Sessions {
    async fn count(&self, before: Timestamp) -> Result<u64, Fault> {
        self.0.count_over(before).await
    }

    async fn forget(&self, before: Timestamp, limit: u16) -> Result<u64, Fault> {
        self.0.forget_over(before, limit).await
    }
}

/// Single records of use. Their counters stay.
pub(crate) struct UsageRecords(pub(crate) Arc<dyn UsageSystemStore>);

#[async_trait]
impl Job for UsageRecords {
    async fn count(&self, before: Timestamp) -> Result<u64, Fault> {
        self.0.count_old(Day::of(before)).await
    }

    async fn forget(&self, before: Timestamp, limit: u16) -> Result<u64, Fault> {
        self.0.prune(Day::of(before), limit).await
    }
}
