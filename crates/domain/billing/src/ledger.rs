//! From events into the ledger.

use std::sync::Arc;

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_events::{Consumer, Event, RunUsage};

use crate::{Amounts, UsageMeter};

/// Told of what was newly counted. It returns at once, and knows neither tenants nor people.
pub trait UsageWatch: Send + Sync {
    /// So much was used.
    fn counted(&self, amounts: &Amounts);
}

/// Hands what the events of runs tell to the meter. An event that comes again adds nothing.
pub struct UsageLedger {
    meter: Arc<dyn UsageMeter>,
    watch: Arc<dyn UsageWatch>,
}

impl UsageLedger {
    /// A ledger kept by `meter`.
    #[must_use]
    pub fn new(meter: Arc<dyn UsageMeter>, watch: Arc<dyn UsageWatch>) -> Self {
        Self { meter, watch }
    }
}

#[async_trait]
impl Consumer for UsageLedger {
    fn name(&self) -> &'static str {
        "usage"
    }

    #[tracing::instrument(name = "billing.consume", skip_all, fields(event = %event.id))]
    async fn consume(&self, event: &Event) -> Result<(), Fault> {
        // One that cannot be read stays in the outbox and is logged: what was used is not to be lost.
        let Some(usage) = RunUsage::of(event)? else {
            return Ok(());
        };
        let new = self.meter.record(event.tenant, &usage).await?;
        self.watch.counted(&new);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use chancery_ambient::{Ambient, Timestamp};
    use chancery_events::{Consumer, Event, EventKind, Used};
    use chancery_ids::{RunId, UserId};

    use super::{UsageLedger, UsageWatch};
    use crate::{Amounts, twin::Twin};

    #[derive(Default)]
    struct Tally(Mutex<Vec<Amounts>>);

    impl UsageWatch for Tally {
        fn counted(&self, amounts: &Amounts) {
            self.0.lock().unwrap().push(*amounts);
        }
    }

    #[tokio::test]
    async fn events_that_come_twice_and_in_the_wrong_order_count_once() {
        let (twin, tally, ambient) = (
            Arc::new(Twin::default()),
            Arc::new(Tally::default()),
            Ambient::system(),
        );
        let ledger = UsageLedger::new(twin, tally.clone());
        let (run, person): (RunId, UserId) = (ambient.new_id(), ambient.new_id());
        let used = [Used::at(1, 0, Timestamp::EPOCH), Used::at(1, 1, Timestamp::EPOCH)];
        let tenant = ambient.new_id();
        let event = |kind, used: &[Used]| {
            Event::new(&ambient, tenant, kind, run.to_string()).with_usage(person, used)
        };
        let paused = event(EventKind::RunPaused, &used[..1]);
        let ended = event(EventKind::RunCompleted, &used);
        let other = Event::new(&ambient, tenant, EventKind::UserCreated, "somebody");
        for event in [&ended, &paused, &other, &ended] {
            ledger.consume(event).await.unwrap();
        }
        let nothing = Amounts::default();
        let once = Amounts {
            requests: 1,
            tool_calls: 1,
            ..nothing
        };
        assert_eq!(*tally.0.lock().unwrap(), [once, nothing, nothing]);
    }

    #[tokio::test]
    async fn an_event_that_cannot_be_read_is_not_taken_for_counted() {
        let ledger = UsageLedger::new(Arc::new(Twin::default()), Arc::new(Tally::default()));
        let ambient = Ambient::system();
        let run: RunId = ambient.new_id();
        let event = Event::new(&ambient, ambient.new_id(), EventKind::RunFailed, run.to_string());
        assert!(ledger.consume(&event.with("used", "much")).await.is_err());
    }
}
