//! A store in memory for this crate's tests.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_events::Event;
use chancery_ids::{Cursor, EventId, Limit, Page, TenantId};

use crate::{AuditStore, Day, Entry, Head};

#[derive(Default)]
pub(crate) struct Twin(Mutex<State>);

#[derive(Default)]
struct State {
    entries: Vec<(Day, Entry)>,
    heads: BTreeMap<(TenantId, Day), Head>,
}

impl Twin {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does to the second entry of a day, or to its end, what nobody should be able to do.
    pub(crate) fn damage(&self, day: Day, change: &str) {
        let mut state = self.state();
        let first = state.entries.iter().position(|(of, _)| *of == day).unwrap();
        let second = first + 1;
        match change {
            "altered" => state.entries[second].1.event.subject.push('!'),
            "removed" => drop(state.entries.remove(second)),
            "swapped" => {
                let (one, other) = (
                    state.entries[second].1.clone(),
                    state.entries[second + 1].1.clone(),
                );
                state.entries[second].1 = Entry { number: 2, ..other };
                state.entries[second + 1].1 = Entry { number: 3, ..one };
            }
            "cut" => drop(state.entries.remove(second + 1)),
            "rehashed" => {
                let before = state.entries[second].1.hash;
                let (_, last) = &mut state.entries[second + 1];
                last.event.subject.push('!');
                let head = Head {
                    tenant: last.event.tenant,
                    day,
                    number: 2,
                    hash: before,
                };
                last.hash = head.with(&last.event).hash;
            }
            other => panic!("nobody knows how to {other}"),
        }
    }
}

#[async_trait]
impl AuditStore for Twin {
    async fn record(&self, event: &Event, today: Day) -> Result<Option<Head>, Fault> {
        let mut state = self.state();
        if state.entries.iter().any(|(_, known)| known.event.id == event.id) {
            return Ok(None);
        }
        let own = |tenant| (tenant, Day(i64::MIN))..=(tenant, Day(i64::MAX));
        let last = state
            .heads
            .range(own(event.tenant))
            .next_back()
            .map(|(_, head)| *head);
        let ended = last.filter(|last| last.day < today);
        let before = match (last, ended) {
            (Some(last), None) => last,
            _ => Head::begin(event.tenant, today, last.map(|last| last.hash)),
        };
        let head = before.with(event);
        let entry = Entry {
            event: event.clone(),
            number: head.number,
            hash: head.hash,
        };
        state.entries.push((head.day, entry));
        state.heads.insert((event.tenant, head.day), head);
        Ok(ended)
    }

    async fn next_day(&self, tenant: TenantId, after: Option<Day>) -> Result<Option<Head>, Fault> {
        let state = self.state();
        let mut own = state.heads.values().filter(|head| head.tenant == tenant);
        Ok(own
            .find(|head| after.is_none_or(|after| head.day > after))
            .copied())
    }

    async fn entries(&self, tenant: TenantId, day: Day, after: u64, limit: u16) -> Result<Vec<Entry>, Fault> {
        let state = self.state();
        let own = state
            .entries
            .iter()
            .filter(|(of, entry)| *of == day && entry.event.tenant == tenant && entry.number > after);
        Ok(own.take(limit.into()).map(|(_, entry)| entry.clone()).collect())
    }

    async fn list(
        &self,
        tenant: TenantId,
        before: Option<EventId>,
        limit: Limit,
    ) -> Result<Page<Event>, Fault> {
        let mut rows: Vec<_> = self
            .state()
            .entries
            .iter()
            .map(|(_, entry)| entry.event.clone())
            .collect();
        rows.retain(|event| event.tenant == tenant && before.is_none_or(|before| event.id < before));
        rows.sort_by_key(|event| std::cmp::Reverse(event.id));
        Ok(Page::cut(rows, limit, |last| Cursor::of(&last.id)))
    }
}

mod tests {
    use super::Twin;

    crate::audit_store_contract!(async { Twin::default() });
}
