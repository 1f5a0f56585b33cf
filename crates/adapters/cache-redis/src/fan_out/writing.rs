//! What this process knows of the runs that it writes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chancery_ambient::Clock;
use chancery_ids::{RunId, TenantId};

type Runs = HashMap<(TenantId, RunId), Writing>;

/// Whether events may be published.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Permission {
    /// Yes, if the stream ends with this event; whatever it ends with when that is not known.
    After(Option<u64>),
    /// No: events before them may be missing, and are not in the log.
    Withheld,
}

/// The runs that this process publishes.
pub(super) struct Writings {
    clock: Arc<dyn Clock>,
    life: Duration,
    runs: Mutex<Runs>,
}

struct Writing {
    /// What the stream ends with, as far as is known.
    last: Option<u64>,
    /// Events up to this one may be missing from the stream: nothing is published before they are in the log.
    lost: Option<u64>,
    /// (Monotonic) when it was last written.
    at: Duration,
}

impl Writings {
    /// Forgets runs that were not written for `life`: they went to another process, and were not closed here.
    pub(super) fn new(clock: Arc<dyn Clock>, life: Duration) -> Self {
        Self {
            clock,
            life,
            runs: Mutex::default(),
        }
    }

    /// Asks to publish events up to `id`.
    pub(super) fn begin(&self, tenant: TenantId, run: RunId, id: u64) -> Permission {
        let now = self.clock.monotonic();
        let mut runs = self.runs();
        if !runs.contains_key(&(tenant, run)) {
            runs.retain(|_, writing| now.saturating_sub(writing.at) < self.life);
        }
        let writing = runs.entry((tenant, run)).or_insert(Writing {
            last: None,
            lost: None,
            at: now,
        });
        writing.at = now;
        if let Some(lost) = &mut writing.lost {
            *lost = id;
            return Permission::Withheld;
        }
        Permission::After(writing.last)
    }

    /// The stream ends with event `id`.
    pub(super) fn published(&self, tenant: TenantId, run: RunId, id: u64) {
        if let Some(writing) = self.runs().get_mut(&(tenant, run)) {
            writing.last = Some(id);
        }
    }

    /// Event `id`, or one before it, may be missing from the stream.
    pub(super) fn lost(&self, tenant: TenantId, run: RunId, id: u64) {
        if let Some(writing) = self.runs().get_mut(&(tenant, run)) {
            writing.lost = Some(id);
        }
    }

    /// The log holds everything up to `through`, and the stream none of it.
    pub(super) fn logged(&self, tenant: TenantId, run: RunId, through: u64) {
        if let Some(writing) = self.runs().get_mut(&(tenant, run))
            && writing.lost.is_some_and(|lost| lost <= through)
        {
            (writing.lost, writing.last) = (None, None);
        }
    }

    /// The run is over.
    pub(super) fn end(&self, tenant: TenantId, run: RunId) {
        self.runs().remove(&(tenant, run));
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use chancery_ambient::{Ambient, ManualClock, Timestamp};

    use super::{
        Permission::{After, Withheld},
        Writings,
    };

    const LIFE: Duration = Duration::from_mins(1);

    #[test]
    fn after_a_loss_nothing_is_published_before_the_log_holds_it() {
        let clock = Arc::new(ManualClock::at(Timestamp::EPOCH));
        let writings = Writings::new(clock, LIFE);
        let (tenant, run) = (Ambient::system().new_id(), Ambient::system().new_id());
        assert_eq!(writings.begin(tenant, run, 3), After(None));
        writings.published(tenant, run, 3);
        assert_eq!(writings.begin(tenant, run, 4), After(Some(3)));
        writings.lost(tenant, run, 4);
        assert_eq!(writings.begin(tenant, run, 5), Withheld);
        writings.logged(tenant, run, 4);
        assert_eq!(writings.begin(tenant, run, 6), Withheld, "5 and 6 are nowhere");
        writings.logged(tenant, run, 6);
        assert_eq!(writings.begin(tenant, run, 7), After(None));
    }

    #[test]
    fn runs_that_went_elsewhere_are_forgotten() {
        let clock = Arc::new(ManualClock::at(Timestamp::EPOCH));
        let writings = Writings::new(clock.clone(), LIFE);
        let tenant = Ambient::system().new_id();
        for _ in 0..5 {
            writings.begin(tenant, Ambient::system().new_id(), 1);
            clock.advance(LIFE / 2);
        }
        assert_eq!(writings.runs().len(), 2);
    }
}
