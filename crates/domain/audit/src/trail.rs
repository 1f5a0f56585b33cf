//! Writes the record.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_events::{Consumer, Event};

use crate::AuditStore;

/// Puts every event that comes out of the outbox into its tenant's record. An event that comes twice is there once.
pub struct AuditTrail {
    store: Arc<dyn AuditStore>,
}

impl AuditTrail {
    /// A trail kept in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn AuditStore>) -> Self {
        Self { store }
    }
}

#[async_trait]
impl Consumer for AuditTrail {
    fn name(&self) -> &'static str {
        "audit"
    }

    #[tracing::instrument(name = "audit.consume", skip_all, fields(event = %event.id))]
    async fn consume(&self, event: &Event) -> Result<(), Fault> {
        self.store.record(event).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chancery_ambient::Ambient;
    use chancery_events::{Consumer, Event, EventKind};
    use chancery_ids::Limit;

    use super::AuditTrail;
    use crate::{AuditStore, twin::Twin};

    #[tokio::test]
    async fn an_event_delivered_twice_is_recorded_once() {
        let (store, ambient) = (Arc::new(Twin::default()), Ambient::system());
        let trail = AuditTrail::new(store.clone());
        let event = Event::new(&ambient, ambient.new_id(), EventKind::SessionStarted, "s");
        trail.consume(&event).await.unwrap();
        trail.consume(&event).await.unwrap();
        let recorded = store.list(event.tenant, None, Limit::LARGEST).await.unwrap();
        assert_eq!(recorded.items, [event]);
    }
}
