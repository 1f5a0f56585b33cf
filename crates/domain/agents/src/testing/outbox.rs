//! What was announced, in memory.

use std::time::Duration;

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_events::{Event, OutboxStore};
use chancery_ids::EventId;

use super::storage::Storage;

#[async_trait]
impl OutboxStore for Storage {
    async fn announce(&self, events: &[Event]) -> Result<(), Fault> {
        self.state().events.extend_from_slice(events);
        Ok(())
    }

    async fn claim(&self, _: Timestamp, _: Duration, _: u16) -> Result<Vec<Event>, Fault> {
        Ok(self.state().events.clone())
    }

    async fn settle(&self, delivered: &[EventId]) -> Result<(), Fault> {
        self.state().events.retain(|event| !delivered.contains(&event.id));
        Ok(())
    }
}
