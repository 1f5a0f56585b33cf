//! People, their passwords and mailed links in memory, for this crate's tests.

mod mail;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chancery_access::{Subject, TenantRole};
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::{TenantId, UserId};
use chancery_tokens::{
    EndReason, RefreshFamilySystemStore, RevocationOrder, RevocationSystemStore, Revoked, SessionStore,
    Whose, contract::MemoryFamilies,
};

use super::{
    Accepted, Link, LinkId, LinkKind, LinkSystemStore, MemberChange, MemberItem, NewMember, PasswordChange,
    PasswordSet, PasswordStore, PeopleStore, PlaceChange, ProvedBy, ResetOrder, Standing,
};
use crate::{
    Membership, PasswordHash, TenantState, UserState,
    twin::{Person, State, Twin},
};

pub(crate) use mail::MemoryMail;

/// People of a [`Twin`], with their mailed links. Their sessions are where the token service has them.
pub(crate) struct MemoryPeople {
    pub(crate) people: Arc<Twin>,
    pub(crate) families: Arc<MemoryFamilies>,
    pub(crate) revocations: Arc<MemoryFamilies>,
    pub(crate) links: Mutex<Vec<Kept>>,
    /// One change at a time.
    turn: tokio::sync::Mutex<()>,
}

/// A link, and how far its mail is.
pub(crate) struct Kept {
    pub(crate) link: Link,
    tries: u16,
    next_try: Timestamp,
    sent: bool,
}

impl MemoryPeople {
    pub(crate) fn over(
        people: Arc<Twin>,
        families: Arc<MemoryFamilies>,
        revocations: Arc<MemoryFamilies>,
    ) -> Self {
        Self {
            people,
            families,
            revocations,
            links: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    fn links(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, link: &Link, most: u16) -> bool {
        let mut links = self.links();
        let source = |kind: &LinkKind| match kind {
            LinkKind::PasswordReset(user) | LinkKind::EmailVerification(user) => Err(*user),
            LinkKind::Invitation { tenant, .. } => Ok(*tenant),
        };
        let live = links.iter().filter(|kept| {
            let (one, other) = (&kept.link, link);
            one.kind.name() == other.kind.name()
                && source(&one.kind) == source(&other.kind)
                && one.email.canonical() == other.email.canonical()
                && one.expires_at > other.created_at
        });
        if live.count() >= usize::from(most) {
            return false;
        }
        links.push(Kept {
            link: link.clone(),
            tries: 0,
            next_try: link.created_at,
            sent: false,
        });
        true
    }

    /// Takes a link away.
    fn use_up(&self, is_it: impl Fn(&Link) -> bool) -> Option<Link> {
        let mut links = self.links();
        let place = links.iter().position(|kept| is_it(&kept.link))?;
        Some(links.remove(place).link)
    }

    /// Ends the person's sessions, in one tenant or in all, with a revocation each.
    async fn end_sessions(
        &self,
        user: UserId,
        only: Option<TenantId>,
        order: RevocationOrder,
    ) -> Result<(), Fault> {
        let places = self.people.state().places_of(user);
        for tenant in places
            .into_iter()
            .filter(|place| only.is_none_or(|only| only == *place))
        {
            let subject = Subject::Person(user);
            let live = self
                .families
                .list_sessions(tenant, &subject, false, order.at, 100);
            for family in live.await? {
                let end = order.of(Revoked::Session(family.sid));
                self.families
                    .end(family.sid, EndReason::Revoked, &end, &[])
                    .await?;
                self.revocations.revoke(&[end], &[]).await?;
            }
        }
        Ok(())
    }

    /// Raises the person's epoch.
    async fn raise(&self, user: UserId, order: RevocationOrder) -> Result<(), Fault> {
        let epoch = {
            let mut state = self.people.state();
            let person = state.person_mut(user).ok_or_else(|| Fault::corrupt("nobody"))?;
            person.epoch += 1;
            person.epoch
        };
        let before = Whose::Subject(Subject::Person(user)).before(epoch);
        self.revocations.revoke(&[order.of(before)], &[]).await
    }
}

impl State {
    fn person_mut(&mut self, user: UserId) -> Option<&mut Person> {
        self.people.iter_mut().find(|person| person.user == user)
    }

    fn places_of(&self, user: UserId) -> Vec<TenantId> {
        let own = self.memberships.iter().filter(|(of, _)| *of == user);
        own.map(|(_, place)| place.tenant).collect()
    }

    fn role_of(&self, tenant: TenantId, user: UserId) -> Option<TenantRole> {
        let mut places = self.memberships.iter();
        let found = places.find(|(of, place)| (*of, place.tenant) == (user, tenant));
        found.map(|(_, place)| place.role)
    }

    fn stands(&self, tenant: TenantId, one: Standing) -> bool {
        self.role_of(tenant, one.user) == Some(one.role)
    }

    fn is_active(&self, user: UserId) -> bool {
        let mut people = self.people.iter();
        people.any(|person| person.user == user && person.state == UserState::Active)
    }

    fn has_owner_beside(&self, tenant: TenantId, user: UserId) -> bool {
        self.memberships.iter().any(|(of, place)| {
            *of != user && (place.tenant, place.role) == (tenant, TenantRole::Owner) && self.is_active(*of)
        })
    }
}

#[async_trait]
impl PasswordStore for MemoryPeople {
    async fn last_passwords(&self, user: UserId, count: u16) -> Result<Vec<PasswordHash>, Fault> {
        let mut state = self.people.state();
        let Some(person) = state.person_mut(user) else {
            return Ok(Vec::new());
        };
        let all = person.password.iter().chain(&person.earlier);
        Ok(all.take(count.into()).cloned().collect())
    }

    async fn set_password(&self, change: &PasswordChange) -> Result<PasswordSet, Fault> {
        let _turn = self.turn.lock().await;
        let is_proved = match &change.by {
            ProvedBy::Link(id) => self.use_up(|link| link.id == *id).is_some(),
            ProvedBy::Password(hash) => {
                let mut state = self.people.state();
                state
                    .person_mut(change.user)
                    .is_some_and(|person| person.password.as_ref() == Some(hash))
            }
        };
        if !is_proved {
            return Ok(PasswordSet::NotProved);
        }
        self.links().retain(|kept| match &kept.link.kind {
            LinkKind::PasswordReset(of) | LinkKind::EmailVerification(of) => *of != change.user,
            LinkKind::Invitation { .. } => true,
        });
        if let Some(person) = self.people.state().person_mut(change.user) {
            let old = person.password.replace(change.new.clone());
            person.earlier.splice(0..0, old);
            person
                .earlier
                .truncate(usize::from(change.keep).saturating_sub(1));
        }
        self.end_sessions(change.user, None, change.order).await?;
        self.raise(change.user, change.order).await?;
        self.people.state().events.extend_from_slice(&change.events);
        Ok(PasswordSet::Set)
    }

    async fn order_reset(&self, reset: &ResetOrder) -> Result<bool, Fault> {
        let _turn = self.turn.lock().await;
        {
            let state = self.people.state();
            if !state.stands(reset.tenant, reset.of) || !state.stands(reset.tenant, reset.by) {
                return Ok(false);
            }
        }
        self.add(&reset.link, reset.most);
        self.end_sessions(reset.of.user, Some(reset.tenant), reset.order)
            .await?;
        self.people.state().events.extend_from_slice(&reset.events);
        Ok(true)
    }

    async fn verify_email(&self, link: LinkId, _: Timestamp, events: &[Event]) -> Result<bool, Fault> {
        let _turn = self.turn.lock().await;
        let Some(link) = self.use_up(|one| one.id == link) else {
            return Ok(false);
        };
        let mut state = self.people.state();
        if let LinkKind::EmailVerification(user) = link.kind
            && let Some(person) = state.person_mut(user)
            && person.email.canonical() == link.email.canonical()
        {
            person.email_verified = true;
        }
        state.events.extend_from_slice(events);
        Ok(true)
    }
}

#[async_trait]
impl PeopleStore for MemoryPeople {
    async fn list_members(
        &self,
        tenant: TenantId,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<Vec<MemberItem>, Fault> {
        let state = self.people.state();
        let items = state.people.iter().filter_map(|person| {
            let role = state.role_of(tenant, person.user)?;
            Some(MemberItem {
                user: person.user,
                email: person.email.clone(),
                email_verified: person.email_verified,
                role,
                state: person.state,
                since: Timestamp::from_unix_seconds(0)?,
            })
        });
        let mut items: Vec<_> = items
            .filter(|item| after.is_none_or(|after| item.user > after))
            .collect();
        items.sort_by_key(|item| item.user);
        items.truncate(limit.into());
        Ok(items)
    }

    async fn change_member(&self, change: &PlaceChange) -> Result<MemberChange, Fault> {
        let _turn = self.turn.lock().await;
        let (tenant, user) = (change.tenant, change.of.user);
        {
            let state = self.people.state();
            if !state.stands(tenant, change.by) {
                return Ok(MemberChange::NotAllowed);
            }
            if change.of.role == TenantRole::Owner
                && change.to != Some(TenantRole::Owner)
                && !state.has_owner_beside(tenant, user)
            {
                return Ok(MemberChange::LastOwner);
            }
            if !state.stands(tenant, change.of) {
                return Ok(MemberChange::Absent);
            }
        }
        if change.to.is_none() {
            self.end_sessions(user, Some(tenant), change.order).await?;
        }
        {
            let mut state = self.people.state();
            let is_it = |of: UserId, place: &Membership| (of, place.tenant) == (user, tenant);
            match change.to {
                None => state.memberships.retain(|(of, place)| !is_it(*of, place)),
                Some(role) => {
                    let mut places = state.memberships.iter_mut();
                    let found = places.find(|(of, place)| is_it(*of, place));
                    if let Some((_, place)) = found {
                        place.role = role;
                    }
                }
            }
            state.events.extend_from_slice(&change.events);
        }
        self.raise(user, change.order).await?;
        Ok(MemberChange::Changed)
    }

    async fn accept_invitation(
        &self,
        link: LinkId,
        person: Option<&NewMember>,
        _: Timestamp,
        events: &[Event],
    ) -> Result<Accepted, Fault> {
        let _turn = self.turn.lock().await;
        let found = self.find_link(link).await?;
        let Some((
            LinkKind::Invitation {
                tenant,
                role,
                invited_by,
            },
            email,
        )) = found.map(|link| (link.kind, link.email))
        else {
            return Ok(Accepted::Gone);
        };
        let mut state = self.people.state();
        let sender = state
            .role_of(tenant, invited_by)
            .filter(|_| state.is_active(invited_by));
        if !sender.is_some_and(|sender| sender.may_invite(role)) {
            return Ok(Accepted::Gone);
        }
        let mut people = state.people.iter_mut();
        let known = people.find(|one| one.email.canonical() == email.canonical());
        let user = match (known, person) {
            (None, None) => return Ok(Accepted::PersonNeeded),
            (Some(known), _) => {
                known.email_verified = true;
                known.user
            }
            (None, Some(person)) => {
                state.people.push(Person {
                    user: person.user,
                    email,
                    password: Some(person.password.clone()),
                    state: UserState::Active,
                    email_verified: true,
                    is_operator: false,
                    epoch: 0,
                    earlier: Vec::new(),
                });
                person.user
            }
        };
        if state.role_of(tenant, user).is_none() {
            let place = Membership {
                tenant,
                role,
                tenant_state: TenantState::Active,
            };
            state.memberships.push((user, place));
        }
        state.events.extend_from_slice(events);
        drop(state);
        self.use_up(|one| one.id == link);
        Ok(Accepted::Joined(user))
    }

    async fn set_user_state(
        &self,
        user: UserId,
        to: UserState,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<Option<bool>, Fault> {
        let _turn = self.turn.lock().await;
        {
            let mut state = self.people.state();
            let owned = state.places_of(user).into_iter();
            let mut owned = owned.filter(|tenant| state.role_of(*tenant, user) == Some(TenantRole::Owner));
            if to != UserState::Active && owned.any(|tenant| !state.has_owner_beside(tenant, user)) {
                return Ok(Some(false));
            }
            let Some(person) = state.person_mut(user) else {
                return Ok(None);
            };
            person.state = to;
            state.events.extend_from_slice(events);
        }
        self.end_sessions(user, None, order).await?;
        self.raise(user, order).await?;
        Ok(Some(true))
    }

    async fn set_operator(
        &self,
        user: UserId,
        is_operator: bool,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<bool, Fault> {
        let _turn = self.turn.lock().await;
        {
            let mut state = self.people.state();
            let Some(person) = state.person_mut(user) else {
                return Ok(false);
            };
            person.is_operator = is_operator;
            state.events.extend_from_slice(events);
        }
        self.end_sessions(user, None, order).await?;
        self.raise(user, order).await?;
        Ok(true)
    }

    async fn set_tenant_state(
        &self,
        tenant: TenantId,
        to: TenantState,
        order: RevocationOrder,
        events: &[Event],
    ) -> Result<bool, Fault> {
        let _turn = self.turn.lock().await;
        let epoch = {
            let mut state = self.people.state();
            let mut places = state.memberships.iter_mut();
            let own = places.by_ref().filter(|(_, place)| place.tenant == tenant);
            if own.map(|(_, place)| place.tenant_state = to).count() == 0 {
                return Ok(false);
            }
            state.events.extend_from_slice(events);
            let epoch = state.tenant_epochs.entry(tenant).or_default();
            *epoch += 1;
            *epoch
        };
        let before = Whose::Tenant(tenant).before(epoch);
        self.revocations.revoke(&[order.of(before)], &[]).await?;
        Ok(true)
    }
}
