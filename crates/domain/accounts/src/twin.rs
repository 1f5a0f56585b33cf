//! Stores in memory for this crate's tests.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chancery_access::TenantRole;
use chancery_ambient::{Fault, Timestamp};
use chancery_events::{Event, OutboxStore};
use chancery_guards::{GuardKey, Tally};
use chancery_ids::{EventId, TenantId, UserId};

use crate::{
    AccountSystemStore, EmailAddress, FirstOwner, LockoutSettings, Login, Member, MemberStore, Membership,
    PasswordHash, TenantState, UserState, contract::Harness,
};

/// People, tenants and the outbox.
#[derive(Default)]
pub(crate) struct Twin(Mutex<State>);

#[derive(Default)]
pub(crate) struct State {
    pub(crate) people: Vec<Person>,
    /// Which person is what, in which tenant, whose state is.
    pub(crate) memberships: Vec<(UserId, Membership)>,
    pub(crate) tenant_epochs: HashMap<TenantId, u64>,
    pub(crate) events: Vec<Event>,
    has_first_owner: bool,
}

pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) email: EmailAddress,
    pub(crate) password: Option<PasswordHash>,
    pub(crate) state: UserState,
    pub(crate) email_verified: bool,
    pub(crate) is_operator: bool,
    /// Under which their tokens are issued.
    pub(crate) epoch: u64,
    /// Their passwords before this one, newest first.
    pub(crate) earlier: Vec<PasswordHash>,
}

impl Twin {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl AccountSystemStore for Twin {
    async fn find_login(&self, email: &EmailAddress) -> Result<Option<Login>, Fault> {
        let state = self.state();
        let found = state
            .people
            .iter()
            .find(|person| person.email.canonical() == email.canonical());
        Ok(found.map(|person| Login {
            user: person.user,
            password: person.password.clone(),
            state: person.state,
            email_verified: person.email_verified,
            memberships: state
                .memberships
                .iter()
                .filter(|(user, _)| *user == person.user)
                .map(|(_, membership)| membership.clone())
                .collect(),
        }))
    }

    async fn create_first_owner(&self, owner: &FirstOwner, events: &[Event]) -> Result<bool, Fault> {
        let mut state = self.state();
        if std::mem::replace(&mut state.has_first_owner, true) {
            return Ok(false);
        }
        state.people.push(Person {
            user: owner.user,
            email: owner.email.clone(),
            password: Some(owner.password.clone()),
            state: UserState::Active,
            email_verified: true,
            is_operator: false,
            epoch: 0,
            earlier: Vec::new(),
        });
        let membership = Membership {
            tenant: owner.tenant,
            role: TenantRole::Owner,
            tenant_state: TenantState::Active,
        };
        state.memberships.push((owner.user, membership));
        state.events.extend_from_slice(events);
        Ok(true)
    }

    async fn record_visit(&self, tenant: TenantId, event: &Event) -> Result<bool, Fault> {
        let mut state = self.state();
        let known = state.memberships.iter().any(|(_, place)| place.tenant == tenant);
        if known {
            state.events.push(event.clone());
        }
        Ok(known)
    }

    async fn has_first_owner(&self) -> Result<bool, Fault> {
        Ok(self.state().has_first_owner)
    }
}

#[async_trait]
impl MemberStore for Twin {
    async fn find_member(&self, tenant: TenantId, user: UserId) -> Result<Option<Member>, Fault> {
        let state = self.state();
        let is_theirs = |(of, membership): &&(UserId, Membership)| (*of, membership.tenant) == (user, tenant);
        let membership = state.memberships.iter().find(is_theirs);
        let person = state.people.iter().find(|person| person.user == user);
        Ok(membership.zip(person).map(|((_, membership), person)| Member {
            user,
            tenant,
            email: person.email.clone(),
            email_verified: person.email_verified,
            role: membership.role,
            is_operator: person.is_operator,
            state: person.state,
            tenant_state: membership.tenant_state,
            subject_epoch: person.epoch,
            tenant_epoch: state.tenant_epochs.get(&tenant).copied().unwrap_or_default(),
        }))
    }

    async fn renew_password_hash(
        &self,
        user: UserId,
        old: &PasswordHash,
        new: &PasswordHash,
        _at: Timestamp,
    ) -> Result<bool, Fault> {
        let mut state = self.state();
        let person = state
            .people
            .iter_mut()
            .find(|person| person.user == user && person.password.as_ref() == Some(old));
        let renewed = person.map(|person| person.password = Some(new.clone()));
        Ok(renewed.is_some())
    }
}

#[async_trait]
impl OutboxStore for Twin {
    async fn announce(&self, events: &[Event]) -> Result<(), Fault> {
        self.state().events.extend_from_slice(events);
        Ok(())
    }

    /// Without leases: a test settles what it claims.
    async fn claim(&self, _now: Timestamp, _lease: Duration, _limit: u16) -> Result<Vec<Event>, Fault> {
        Ok(self.state().events.clone())
    }

    async fn settle(&self, delivered: &[EventId]) -> Result<(), Fault> {
        self.state().events.retain(|event| !delivered.contains(&event.id));
        Ok(())
    }
}

/// A harness over a new twin.
fn harness() -> Harness {
    let twin = Arc::new(Twin::default());
    Harness {
        system: twin.clone(),
        members: twin.clone(),
        outbox: twin,
    }
}

mod tests {
    use super::harness;

    crate::account_system_store_contract!(async { harness() });
    crate::member_store_contract!(async { harness() });
}

/// Counts without an end of their lives.
#[derive(Default)]
pub(crate) struct MemoryTally(Mutex<HashMap<String, u64>>);

impl MemoryTally {
    fn counts(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Tally for MemoryTally {
    async fn count(&self, key: &GuardKey, _: Duration) -> Result<u64, Fault> {
        let mut counts = self.counts();
        let count = counts.entry(key.as_str().to_owned()).or_default();
        *count += 1;
        Ok(*count)
    }

    async fn read(&self, key: &GuardKey) -> Result<u64, Fault> {
        Ok(self.counts().get(key.as_str()).copied().unwrap_or_default())
    }

    async fn clear(&self, key: &GuardKey) -> Result<(), Fault> {
        self.counts().remove(key.as_str());
        Ok(())
    }
}

/// Thresholds, over an hour each.
pub(crate) const fn lockout(per_account: u64, per_network: u64) -> LockoutSettings {
    LockoutSettings {
        per_account,
        account_window: Duration::from_hours(1),
        per_network,
        network_window: Duration::from_hours(1),
    }
}
