//! Honest twins of the stores for tests: conditional changes under one lock.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_events::{Event, OutboxStore};
use chancery_ids::{EventId, SessionId};

use crate::{EndReason, Family, RefreshFamilySystemStore, Rotation};

/// Families in memory. Their events are not kept: no test over this twin asks for them.
#[derive(Default)]
pub struct MemoryFamilies {
    families: Mutex<HashMap<SessionId, Family>>,
}

impl MemoryFamilies {
    fn families(&self) -> MutexGuard<'_, HashMap<SessionId, Family>> {
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RefreshFamilySystemStore for MemoryFamilies {
    async fn begin(&self, family: &Family, _: &[Event]) -> Result<(), Fault> {
        self.families()
            .entry(family.sid)
            .or_insert_with(|| family.clone());
        Ok(())
    }

    async fn find(&self, sid: SessionId) -> Result<Option<Family>, Fault> {
        Ok(self.families().get(&sid).cloned())
    }

    async fn rotate(&self, sid: SessionId, rotation: &Rotation) -> Result<bool, Fault> {
        let mut families = self.families();
        let Some(family) = families.get_mut(&sid) else {
            return Ok(false);
        };
        if family.current != rotation.replaces || family.ended.is_some() {
            return Ok(false);
        }
        family.generation += 1;
        family.previous = Some(std::mem::replace(&mut family.current, rotation.current.clone()));
        family.sealed = rotation.sealed.clone();
        family.signing_kid.clone_from(&rotation.signing_kid);
        family.rotated_at = rotation.at;
        family.expires_at = rotation.expires_at;
        Ok(true)
    }

    async fn end(
        &self,
        sid: SessionId,
        at: Timestamp,
        reason: EndReason,
        _: &[Event],
    ) -> Result<bool, Fault> {
        let mut families = self.families();
        let Some(family) = families.get_mut(&sid) else {
            return Ok(false);
        };
        if family.ended.is_some() {
            return Ok(false);
        }
        family.ended = Some((at, reason));
        Ok(true)
    }
}

/// Events in memory.
#[derive(Default)]
pub struct MemoryOutbox {
    events: Mutex<Vec<Event>>,
}

impl MemoryOutbox {
    /// Everything announced so far.
    #[must_use]
    pub fn announced(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl OutboxStore for MemoryOutbox {
    async fn announce(&self, events: &[Event]) -> Result<(), Fault> {
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(events);
        Ok(())
    }

    async fn claim(&self, _: Timestamp, _: Duration, _: u16) -> Result<Vec<Event>, Fault> {
        Ok(self.announced())
    }

    async fn settle(&self, _: &[EventId]) -> Result<(), Fault> {
        Ok(())
    }
}
