//! The set of unexpired revocations that this process holds, and how fresh it is.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chancery_access::Subject;
use chancery_ambient::{Ambient, Fault, Timestamp};
use chancery_ids::{SessionId, TenantId, TokenId};
use tokio::sync::watch;

use crate::{FeedMark, Revocation, RevocationSystemStore, Revoked, TokenMarks};

/// For how long after the beginning of a good read the set is believed. Reads are made four times a second.
pub const FRESH_FOR: Duration = Duration::from_millis(750);

/// What the set says about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has not been revoked.
    Good,
    /// It has.
    Revoked,
    /// The set is too old to tell: ask the store.
    Unknown,
}

/// Holds every unexpired revocation in memory. A chain of caches cannot prove that a token is NOT revoked; a complete set
/// that knows how old it is can.
pub struct RevocationFeed {
    store: Arc<dyn RevocationSystemStore>,
    ambient: Ambient,
    held: RwLock<Held>,
    /// When the last good read began, in microseconds of the monotonic clock, plus one; 0 before the first.
    read_at: AtomicU64,
    /// Told of everything that was added.
    news: watch::Sender<()>,
}

#[derive(Default)]
struct Held {
    mark: FeedMark,
    tokens: HashMap<TokenId, Timestamp>,
    sessions: HashMap<SessionId, Timestamp>,
    subjects: HashMap<Subject, Epoch>,
    tenants: HashMap<TenantId, Epoch>,
    keys: HashMap<String, Timestamp>,
}

/// The highest epoch that was ordered, and until when it matters.
#[derive(Clone, Copy)]
struct Epoch {
    least: u64,
    expires_at: Timestamp,
}

impl RevocationFeed {
    /// A feed that has read nothing yet, and so answers [`Standing::Unknown`].
    #[must_use]
    pub fn new(store: Arc<dyn RevocationSystemStore>, ambient: Ambient) -> Self {
        Self {
            store,
            ambient,
            held: RwLock::default(),
            read_at: AtomicU64::new(0),
            news: watch::Sender::new(()),
        }
    }

    /// Takes over what was stored since the last time. Two at once do no harm.
    #[tracing::instrument(name = "tokens.read_revocations", skip_all)]
    pub async fn read(&self) -> Result<(), Fault> {
        let began = self.monotonic_micros();
        let mark = self.held.read().unwrap_or_else(PoisonError::into_inner).mark;
        let (news, next) = self.store.read_since(mark).await?;
        let any = !news.is_empty();
        {
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            for revocation in news {
                held.add(revocation);
            }
            held.mark = held.mark.max(next);
        }
        self.read_at.fetch_max(began + 1, Ordering::Release);
        if any {
            self.news.send_replace(());
        }
        Ok(())
    }

    /// Takes over a revocation that this process has just stored, so that its own next answer keeps to it.
    pub(crate) fn learn(&self, revocation: Revocation) {
        {
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            held.add(revocation);
        }
        self.news.send_replace(());
    }

    /// Changes whenever something was added.
    pub(crate) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Forgets what ends nothing any more, here and in the store. Gives how many the store forgot.
    #[tracing::instrument(name = "tokens.prune_revocations", skip_all)]
    pub async fn prune(&self) -> Result<u64, Fault> {
        let now = self.ambient.now();
        {
            let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
            held.forget(now);
        }
        self.store.prune(now).await
    }

    /// Whether the set is fresh enough to be believed.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.age().is_some_and(|age| age <= FRESH_FOR)
    }

    /// How long ago the last good read began; `None` before the first.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        let read_at = self.read_at.load(Ordering::Acquire).checked_sub(1)?;
        Some(Duration::from_micros(
            self.monotonic_micros().saturating_sub(read_at),
        ))
    }

    /// How many revocations are held.
    #[must_use]
    pub fn len(&self) -> usize {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.tokens.len() + held.sessions.len() + held.subjects.len() + held.tenants.len() + held.keys.len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the set says about a token. No I/O. A revocation is final, so it counts however old the set is.
    #[must_use]
    pub fn standing(&self, marks: &TokenMarks) -> Standing {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        if held.hits(marks) {
            Standing::Revoked
        } else if self.is_fresh() {
            Standing::Good
        } else {
            Standing::Unknown
        }
    }

    /// Whether the set is fresh, and neither the subject's epoch nor the tenant's has been raised above these.
    #[must_use]
    pub fn leaves_alone(&self, subject: (&Subject, u64), tenant: (TenantId, u64)) -> bool {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let raised =
            below(held.subjects.get(subject.0), subject.1) || below(held.tenants.get(&tenant.0), tenant.1);
        !raised && self.is_fresh()
    }

    /// Whether tokens of the whole tenant were revoked of late, as far as the set tells. No I/O.
    #[must_use]
    pub fn has_tenant(&self, tenant: TenantId) -> bool {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.tenants.contains_key(&tenant)
    }

    /// Whether everything that a key signed was revoked, as far as the set tells.
    #[must_use]
    pub fn has_key(&self, kid: &str) -> bool {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.keys.contains_key(kid)
    }

    /// What [`RevocationFeed::standing`] cannot tell, from the store, for when the set is too old to tell.
    #[tracing::instrument(name = "tokens.ask_revoked", skip_all)]
    pub async fn ask(&self, marks: &TokenMarks) -> Result<bool, Fault> {
        self.store.is_revoked(marks).await
    }

    fn monotonic_micros(&self) -> u64 {
        u64::try_from(self.ambient.clock.monotonic().as_micros()).unwrap_or(u64::MAX - 1)
    }
}

impl Held {
    fn add(&mut self, revocation: Revocation) {
        let until = revocation.expires_at;
        match revocation.target {
            Revoked::Token(token) => keep_longest(&mut self.tokens, token, until),
            Revoked::Session(session) => keep_longest(&mut self.sessions, session, until),
            Revoked::Subject(subject, epoch) => keep_highest(&mut self.subjects, subject, epoch, until),
            Revoked::Tenant(tenant, epoch) => keep_highest(&mut self.tenants, tenant, epoch, until),
            Revoked::Key(kid) => keep_longest(&mut self.keys, kid, until),
        }
    }

    fn hits(&self, marks: &TokenMarks) -> bool {
        self.tokens.contains_key(&marks.token)
            || marks
                .session
                .is_some_and(|session| self.sessions.contains_key(&session))
            || marks
                .parties()
                .any(|(party, value)| below(self.subjects.get(party), *value))
            || marks
                .tenant
                .is_some_and(|(tenant, value)| below(self.tenants.get(&tenant), value))
            || (!self.keys.is_empty() && self.keys.contains_key(&marks.kid))
    }

    fn forget(&mut self, now: Timestamp) {
        let live = |until: &mut Timestamp| *until > now;
        self.tokens.retain(|_, until| live(until));
        self.sessions.retain(|_, until| live(until));
        self.keys.retain(|_, until| live(until));
        self.subjects.retain(|_, epoch| live(&mut epoch.expires_at));
        self.tenants.retain(|_, epoch| live(&mut epoch.expires_at));
    }
}

fn below(epoch: Option<&Epoch>, value: u64) -> bool {
    epoch.is_some_and(|epoch| value < epoch.least)
}

fn keep_longest<K: Eq + Hash>(held: &mut HashMap<K, Timestamp>, key: K, until: Timestamp) {
    let kept = held.entry(key).or_insert(until);
    *kept = (*kept).max(until);
}

fn keep_highest<K: Eq + Hash>(held: &mut HashMap<K, Epoch>, key: K, least: u64, until: Timestamp) {
    let kept = held.entry(key).or_insert(Epoch {
        least,
        expires_at: until,
    });
    kept.least = kept.least.max(least);
    kept.expires_at = kept.expires_at.max(until);
}

#[cfg(test)]
mod tests;
