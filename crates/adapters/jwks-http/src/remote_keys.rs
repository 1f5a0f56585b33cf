//! The key set that is held, and when it is asked for again.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use chancery_ambient::Clock;
use chancery_token_verify::KeyRing;
use tokio::sync::Mutex;
use url::Url;

use crate::{
    FetchFailed, RemoteKeysError,
    document::{Document, Source},
};

/// The least time between two fetches that an unknown key causes: anybody can invent one.
pub const COOL_DOWN: Duration = Duration::from_secs(30);

/// For how long a set is used although every fetch since has failed. After it nothing is accepted.
pub const KEPT_WITHOUT_NEWS: Duration = Duration::from_hours(1);

/// How soon a fetch that failed is tried again, at the most.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// An issuer's key set. It is fetched when somebody needs it, by one caller for all.
pub struct RemoteKeys {
    source: Source,
    clock: Arc<dyn Clock>,
    held: ArcSwapOption<Held>,
    /// Whoever holds it fetches.
    turn: Mutex<Option<Tried>>,
}

/// The set, and how it stands with the issuer. Times are of the monotonic clock.
struct Held {
    document: Document,
    confirmed: Duration,
    due: Duration,
}

/// The last try.
struct Tried {
    at: Duration,
    failed: bool,
}

impl RemoteKeys {
    /// The key set at `url`, which must be `https` unless it is on this machine. Nothing is fetched yet.
    pub fn new(url: Url, clock: Arc<dyn Clock>) -> Result<Self, RemoteKeysError> {
        Ok(Self {
            source: Source::new(url, clock.clone())?,
            clock,
            held: ArcSwapOption::empty(),
            turn: Mutex::default(),
        })
    }

    /// The keys at this moment, fetched anew when the issuer said they hold no longer. While it cannot be reached the last good set
    /// goes on for [`KEPT_WITHOUT_NEWS`]; then there is none.
    pub async fn current(&self) -> Option<Arc<KeyRing>> {
        if let Some(ring) = self.fresh() {
            return Some(ring);
        }
        let mut last = self.turn.lock().await;
        let now = self.clock.monotonic();
        let tried_just_now = last
            .as_ref()
            .is_some_and(|tried| tried.failed && now.saturating_sub(tried.at) < AFTER_FAILURE);
        // Somebody else may have fetched while we waited.
        if self.fresh().is_none() && !tried_just_now {
            self.fetch(&mut last).await;
        }
        self.kept()
    }

    /// The keys after one more look at the issuer, for a key that is in no set yet. Within the [`COOL_DOWN`] of the last look
    /// nothing is asked, and `None` says so.
    pub async fn after_another_look(&self) -> Option<Arc<KeyRing>> {
        let mut last = self.turn.lock().await;
        let now = self.clock.monotonic();
        if last
            .as_ref()
            .is_some_and(|tried| now.saturating_sub(tried.at) < COOL_DOWN)
        {
            return None;
        }
        self.fetch(&mut last).await;
        self.kept()
    }

    fn fresh(&self) -> Option<Arc<KeyRing>> {
        let held = self.held.load();
        let held = held.as_ref()?;
        (self.clock.monotonic() < held.due).then(|| held.document.ring.clone())
    }

    fn kept(&self) -> Option<Arc<KeyRing>> {
        let held = self.held.load();
        let held = held.as_ref()?;
        let age = self.clock.monotonic().saturating_sub(held.confirmed);
        (age < KEPT_WITHOUT_NEWS).then(|| held.document.ring.clone())
    }

    async fn fetch(&self, last: &mut Option<Tried>) {
        let known = self.held.load_full();
        let fetched = self.source.fetch(known.as_ref().map(|held| &held.document)).await;
        let now = self.clock.monotonic();
        *last = Some(Tried {
            at: now,
            failed: fetched.is_err(),
        });
        match fetched {
            Ok((document, max_age)) => self.held.store(Some(Arc::new(Held {
                document,
                confirmed: now,
                due: now.saturating_add(max_age),
            }))),
            Err(error) => warn(&error),
        }
    }
}

fn warn(error: &FetchFailed) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(cause, "{error}");
}
