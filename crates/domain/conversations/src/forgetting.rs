//! Conversations that are not kept for ever.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_ambient::{Ambient, Fault, Timestamp};
use chancery_events::{Event, EventKind};
use chancery_ids::{ConversationId, TenantId};

/// Finds and deletes conversations that nobody has changed for long. Cross-tenant on purpose (ARCHITECTURE.md lists it).
///
/// A conversation is old when it did not change since `before` and no run of it is live.
#[async_trait]
pub trait ConversationSystemStore: Send + Sync {
    /// How many conversations are old.
    async fn count_old(&self, before: Timestamp) -> Result<u64, Fault>;

    /// Up to `limit` old conversations, the oldest first.
    async fn list_old(&self, before: Timestamp, limit: u16)
    -> Result<Vec<(TenantId, ConversationId)>, Fault>;

    /// Deletes the conversation as [`ConversationStore::delete`](crate::ConversationStore::delete) does, and stores the events in
    /// the same change; `false` when it is not there or not old, and then nothing is changed.
    ///
    /// MUST judge its age in the change that deletes it. MUST NOT delete while a run of it is live.
    async fn delete_old(
        &self,
        tenant: TenantId,
        conversation: ConversationId,
        before: Timestamp,
        events: &[Event],
    ) -> Result<bool, Fault>;
}

/// Deletes conversations in the platform's name.
pub struct OldConversations {
    store: Arc<dyn ConversationSystemStore>,
    ambient: Ambient,
}

impl OldConversations {
    /// Those in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn ConversationSystemStore>, ambient: Ambient) -> Self {
        Self { store, ambient }
    }

    /// How many did not change since `before`.
    #[tracing::instrument(name = "conversations.count_old", skip_all)]
    pub async fn count(&self, before: Timestamp) -> Result<u64, Fault> {
        self.store.count_old(before).await
    }

    /// Deletes up to `limit` that did not change since `before`, the oldest first, each in a change of its own; how many.
    #[tracing::instrument(name = "conversations.forget_old", skip_all)]
    pub async fn forget(&self, before: Timestamp, limit: u16) -> Result<u64, Fault> {
        let mut forgotten = 0;
        for (tenant, id) in self.store.list_old(before, limit).await? {
            let deleted = Event::new(
                &self.ambient,
                tenant,
                EventKind::ConversationDeleted,
                id.to_string(),
            )
            .with("by", "platform");
            if self.store.delete_old(tenant, id, before, &[deleted]).await? {
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chancery_ambient::{Ambient, Timestamp};
    use chancery_events::EventKind;
    use chancery_ids::ConversationKey;

    use super::OldConversations;
    use crate::{contract::Turn, twin};

    #[tokio::test]
    async fn what_is_forgotten_is_announced_as_the_platforms_doing() {
        let (scene, ambient) = (twin::scene(), Ambient::system());
        let turn = Turn {
            tenant: ambient.new_id(),
            owner: ambient.new_id(),
            key: ConversationKey::parse("a").unwrap(),
            agent: "triage".to_owned(),
            text: "hello".to_owned(),
            answer: "hello to you".to_owned(),
            at: Timestamp::EPOCH,
        };
        scene.harness.seeding.add_turn(&turn).await;
        let (before, lease) = (turn.at.plus(Duration::from_secs(1)), Duration::from_mins(1));
        let old = OldConversations::new(scene.old.clone(), ambient.clone());
        assert_eq!(old.count(before).await.unwrap(), 1);
        assert_eq!(old.forget(before, 10).await.unwrap(), 1);
        assert_eq!(old.forget(before, 10).await.unwrap(), 0);
        let events = scene
            .harness
            .outbox
            .claim(ambient.now(), lease, 10)
            .await
            .unwrap();
        let told: Vec<_> = events
            .iter()
            .map(|event| (event.tenant, event.kind, event.payload["by"].as_str().unwrap()))
            .collect();
        assert_eq!(told, [(turn.tenant, EventKind::ConversationDeleted, "platform")]);
    }
}
