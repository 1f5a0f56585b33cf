//! A store in memory for this crate's tests.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_events::Event;
use chancery_ids::{Cursor, EventId, Limit, Page, TenantId};

use crate::AuditStore;

#[derive(Default)]
pub(crate) struct Twin(Mutex<Vec<Event>>);

#[async_trait]
impl AuditStore for Twin {
    async fn record(&self, event: &Event) -> Result<(), Fault> {
        let mut record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !record.iter().any(|known| known.id == event.id) {
            record.push(event.clone());
        }
        Ok(())
    }

    async fn list(
        &self,
        tenant: TenantId,
        before: Option<EventId>,
        limit: Limit,
    ) -> Result<Page<Event>, Fault> {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        rows.retain(|event| event.tenant == tenant && before.is_none_or(|before| event.id < before));
        rows.sort_by_key(|event| std::cmp::Reverse(event.id));
        Ok(Page::cut(rows, limit, |last| Cursor::of(&last.id)))
    }
}

mod tests {
    use super::Twin;

    crate::audit_store_contract!(async { Twin::default() });
}
