//! Honest twins of the stores for tests: conditional changes under one lock.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chancery_access::Subject;
use chancery_ambient::{Fault, Timestamp};
use chancery_events::{Event, OutboxStore};
use chancery_ids::{EventId, SessionId, TenantId};

use crate::{
    Binding, EndReason, Family, FeedMark, Raised, RefreshFamilySystemStore, Revocation, RevocationOrder,
    RevocationSystemStore, Revoked, Rotation, SessionStore, TokenMarks, Whose,
};

/// Families and revocations in memory. Their events are not kept: no test over this twin asks for them.
#[derive(Default)]
pub struct MemoryFamilies {
    families: Mutex<HashMap<SessionId, Family>>,
    revocations: Mutex<Vec<Revocation>>,
    epochs: Mutex<HashMap<Whose, u64>>,
}

/// Whether it was ended, or came to its end, before then.
fn is_over(family: &Family, before: Timestamp) -> bool {
    family.ended.is_some_and(|(at, _)| at < before) || family.ends_at < before
}

impl MemoryFamilies {
    fn families(&self) -> MutexGuard<'_, HashMap<SessionId, Family>> {
        self.families.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn revocations(&self) -> MutexGuard<'_, Vec<Revocation>> {
        self.revocations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the subject or tenant exist, as a row would.
    pub fn know(&self, whose: Whose) {
        let mut epochs = self.epochs.lock().unwrap_or_else(PoisonError::into_inner);
        epochs.entry(whose).or_insert(0);
    }

    fn end_where(&self, at: Timestamp, reason: EndReason, hit: impl Fn(&Family) -> bool) -> u64 {
        let mut families = self.families();
        let live = families.values_mut().filter(|family| family.ended.is_none());
        let mut ended = 0;
        for family in live.filter(|family| hit(family)) {
            family.ended = Some((at, reason));
            ended += 1;
        }
        ended
    }
}

#[async_trait]
impl RevocationSystemStore for MemoryFamilies {
    async fn revoke(&self, revocations: &[Revocation], _: &[Event]) -> Result<(), Fault> {
        self.revocations().extend_from_slice(revocations);
        Ok(())
    }

    async fn revoke_all_of(
        &self,
        whose: &Whose,
        order: RevocationOrder,
        _: &[Event],
    ) -> Result<Option<Raised>, Fault> {
        let mut epochs = self.epochs.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(epoch) = epochs.get_mut(whose) else {
            return Ok(None);
        };
        *epoch += 1;
        let sessions = self.end_where(order.at, EndReason::Revoked, |family| match whose {
            Whose::Subject(subject) => family.subject == *subject,
            Whose::Tenant(tenant) => family.tenant == *tenant,
        });
        self.revocations().push(order.of(whose.before(*epoch)));
        Ok(Some(Raised {
            epoch: *epoch,
            sessions,
        }))
    }

    async fn revoke_signed_by(&self, kid: &str, order: RevocationOrder, _: &[Event]) -> Result<u64, Fault> {
        let ended = self.end_where(order.at, EndReason::Compromise, |family| {
            family.signing_kid == kid
        });
        self.revocations().push(order.of(Revoked::Key(kid.to_owned())));
        Ok(ended)
    }

    async fn read_since(&self, mark: FeedMark) -> Result<(Vec<Revocation>, FeedMark), Fault> {
        let revocations = self.revocations();
        let read = usize::try_from(mark.0).unwrap_or(0);
        let next = i64::try_from(revocations.len()).map_err(Fault::corrupt)?;
        Ok((revocations.iter().skip(read).cloned().collect(), FeedMark(next)))
    }

    async fn is_revoked(&self, marks: &TokenMarks) -> Result<bool, Fault> {
        let hit = |revocation: &Revocation| marks.are_hit_by(&revocation.target);
        Ok(self.revocations().iter().any(hit))
    }

    async fn prune(&self, now: Timestamp) -> Result<u64, Fault> {
        // Marks count entries: they stay, and are only counted.
        let expired = self
            .revocations()
            .iter()
            .filter(|one| one.expires_at <= now)
            .count();
        u64::try_from(expired).map_err(Fault::corrupt)
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

    async fn has_device(&self, subject: &Subject, digest: &[u8; 32]) -> Result<bool, Fault> {
        let bound = Binding::Device(*digest);
        let is_theirs = |family: &Family| family.subject == *subject && family.binding == bound;
        Ok(self.families().values().any(is_theirs))
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
        if let Some(seen) = &rotation.seen {
            family.seen = seen.clone();
        }
        Ok(true)
    }

    async fn end(
        &self,
        sid: SessionId,
        reason: EndReason,
        revocation: &Revocation,
        _: &[Event],
    ) -> Result<bool, Fault> {
        let mut families = self.families();
        let Some(family) = families.get_mut(&sid) else {
            return Ok(false);
        };
        if family.ended.is_some() {
            return Ok(false);
        }
        family.ended = Some((revocation.at, reason));
        self.revocations().push(revocation.clone());
        Ok(true)
    }

    async fn count_over(&self, before: Timestamp) -> Result<u64, Fault> {
        let families = self.families();
        let over = families.values().filter(|family| is_over(family, before));
        u64::try_from(over.count()).map_err(Fault::corrupt)
    }

    async fn forget_over(&self, before: Timestamp, limit: u16) -> Result<u64, Fault> {
        let mut families = self.families();
        let over = families.values().filter(|family| is_over(family, before));
        let sids: Vec<_> = over.map(|family| family.sid).take(limit.into()).collect();
        for sid in &sids {
            families.remove(sid);
        }
        u64::try_from(sids.len()).map_err(Fault::corrupt)
    }
}

#[async_trait]
impl SessionStore for MemoryFamilies {
    async fn list_sessions(
        &self,
        tenant: TenantId,
        subject: &Subject,
        past: bool,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<Family>, Fault> {
        let shown = |family: &&Family| {
            let live = family.ended.is_none() && family.expires_at > now;
            family.tenant == tenant && family.subject == *subject && (past || live)
        };
        let mut found: Vec<_> = self.families().values().filter(shown).cloned().collect();
        found.sort_by_key(|family| std::cmp::Reverse((family.created_at, family.sid)));
        found.truncate(usize::from(limit));
        Ok(found)
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
