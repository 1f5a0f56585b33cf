//! Clients that proved themselves a moment ago, so that their next token costs no look at the store.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chancery_access::Subject;
use chancery_ids::AppId;

use crate::{AppCredential, AppService, ClientCredentials, StandingApp};

/// For how long a row is believed. Far less than revocations are kept, so that one which ends it cannot have been forgotten.
const BELIEVED_FOR: Duration = Duration::from_mins(1);

/// How many clients are remembered.
const MOST: usize = 10_000;

/// Apps as their rows were, until when on the monotonic clock.
#[derive(Default)]
pub(crate) struct KnownApps(Mutex<HashMap<AppId, (Arc<StandingApp>, Duration)>>);

impl KnownApps {
    pub(crate) fn remember(&self, standing: &Arc<StandingApp>, now: Duration) {
        let mut known = self.lock();
        if known.len() >= MOST {
            known.retain(|_, (_, until)| *until > now);
        }
        if known.len() < MOST {
            known.insert(standing.app.id, (standing.clone(), now + BELIEVED_FOR));
        }
    }

    pub(crate) fn forget(&self, id: AppId) {
        self.lock().remove(&id);
    }

    fn find(&self, id: AppId, now: Duration) -> Option<Arc<StandingApp>> {
        let known = self.lock();
        let (standing, until) = known.get(&id)?;
        (*until > now).then(|| standing.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AppId, (Arc<StandingApp>, Duration)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AppService {
    /// The client behind a secret, where memory alone can tell: its row was read a moment ago, and the revocations held here, which
    /// are fresh, say that nothing has changed since. `None` is no refusal: [`AppService::authenticate`] knows.
    #[must_use]
    pub fn recall(&self, shown: &ClientCredentials) -> Option<Arc<StandingApp>> {
        let ClientCredentials::Secret { client_id, secret } = shown else {
            return None;
        };
        let now = self.ambient.clock.monotonic();
        let standing = self.known.find(client_id.parse().ok()?, now)?;
        let (subject, tenant) = (Subject::App(standing.app.id), standing.app.tenant);
        let unchanged = self
            .tokens
            .revocations()
            .leaves_alone((&subject, standing.epoch), (tenant, standing.tenant_epoch));
        let fits = match &standing.app.credential {
            AppCredential::Secret(digest) => digest.fits(secret),
            AppCredential::Keys(_) => false,
        };
        (unchanged && fits).then_some(standing)
    }
}
