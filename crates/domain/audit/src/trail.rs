//! Writes the record.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_ambient::{Clock, Fault};
use chancery_events::{Consumer, Event};

use crate::{AuditStore, Day};

/// Puts every event that comes out of the outbox into its tenant's record. An event that comes twice is there once.
pub struct AuditTrail {
    pub(crate) store: Arc<dyn AuditStore>,
    clock: Arc<dyn Clock>,
}

impl AuditTrail {
    /// A trail kept in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn AuditStore>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }
}

#[async_trait]
impl Consumer for AuditTrail {
    fn name(&self) -> &'static str {
        "audit"
    }

    #[tracing::instrument(name = "audit.consume", skip_all, fields(event = %event.id))]
    async fn consume(&self, event: &Event) -> Result<(), Fault> {
        let ended = self.store.record(event, Day::of(self.clock.now())).await?;
        if let Some(head) = ended {
            // Whoever keeps the log elsewhere can tell that the record was not written anew.
            tracing::info!(tenant = %head.tenant, day = %head.day, entries = head.number, hash = %head.hash, "audit.day_ended");
        }
        Ok(())
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
        let trail = AuditTrail::new(store.clone(), ambient.clock.clone());
        let event = Event::new(&ambient, ambient.new_id(), EventKind::SessionStarted, "s");
        trail.consume(&event).await.unwrap();
        trail.consume(&event).await.unwrap();
        let recorded = store.list(event.tenant, None, Limit::LARGEST).await.unwrap();
        assert_eq!(recorded.items, [event]);
    }
}
