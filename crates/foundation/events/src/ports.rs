//! What the outbox asks of storage, and what followers offer.

use std::time::Duration;

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_ids::EventId;

use crate::Event;

/// The events that wait to be delivered.
///
/// Other stores write to the same place inside their own transactions.
#[async_trait]
pub trait OutboxStore: Send + Sync {
    /// Adds events that announce no stored change.
    ///
    /// MUST be idempotent by event id.
    async fn announce(&self, events: &[Event]) -> Result<(), Fault>;

    /// Takes up to `limit` of the oldest waiting events for `lease`.
    ///
    /// MUST NOT give an event to a second caller before its lease is over. MUST give it again afterwards unless it was
    /// settled, so that a killed worker loses nothing. MUST give the oldest first.
    async fn claim(&self, now: Timestamp, lease: Duration, limit: u16) -> Result<Vec<Event>, Fault>;

    /// Removes delivered events. MUST be idempotent.
    async fn settle(&self, delivered: &[EventId]) -> Result<(), Fault>;
}

/// Somebody who follows what happens.
#[async_trait]
pub trait Consumer: Send + Sync {
    /// For the log.
    fn name(&self) -> &'static str;

    /// Takes note of an event. Called again with the same event after a crash or a fault: idempotent by its id.
    async fn consume(&self, event: &Event) -> Result<(), Fault>;
}
