//! Carries events from the outbox to their consumers.

use std::{sync::Arc, time::Duration};

use chancery_ambient::{Clock, Fault, cause_of};

use crate::{Consumer, OutboxStore};

const LEASE: Duration = Duration::from_secs(30);
const BATCH: u16 = 100;

/// Feeds every consumer with every event, at least once, oldest first.
pub struct Relay {
    outbox: Arc<dyn OutboxStore>,
    consumers: Vec<Arc<dyn Consumer>>,
    clock: Arc<dyn Clock>,
}

impl Relay {
    /// A relay from `outbox` to `consumers`.
    #[must_use]
    pub fn new(
        outbox: Arc<dyn OutboxStore>,
        consumers: Vec<Arc<dyn Consumer>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            outbox,
            consumers,
            clock,
        }
    }

    /// Delivers one batch and tells how many events it settled. An event that a consumer failed on stays, and comes
    /// again when its lease is over.
    pub async fn deliver(&self) -> Result<usize, Fault> {
        let events = self.outbox.claim(self.clock.now(), LEASE, BATCH).await?;
        let mut delivered = Vec::with_capacity(events.len());
        'events: for event in &events {
            for consumer in &self.consumers {
                if let Err(fault) = consumer.consume(event).await {
                    let source = cause_of(&fault);
                    tracing::warn!(consumer = consumer.name(), event = %event.id, source, "{fault}; the event will come again");
                    continue 'events;
                }
            }
            delivered.push(event.id);
        }
        self.outbox.settle(&delivered).await?;
        Ok(delivered.len())
    }
}
