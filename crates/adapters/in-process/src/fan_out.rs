//! Events of live runs, to readers in the same process.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use chancery_agents::{Followed, Following, READER_BUFFER, RunEvent, RunFanOut};
use chancery_ids::{RunId, TenantId};
use futures::{StreamExt, stream};
use tokio::sync::mpsc::{self, error::TrySendError};

/// [`RunFanOut`] for one process. Holds what was published and not trimmed, and a bounded queue a reader.
#[derive(Default)]
pub struct InProcessFanOut {
    runs: Mutex<HashMap<(TenantId, RunId), Channel>>,
}

#[derive(Default)]
struct Channel {
    kept: VecDeque<Arc<RunEvent>>,
    readers: Vec<Reader>,
}

struct Reader {
    /// Shared: a queue has room for dozens of events from the first on, and there is one a reader.
    queue: mpsc::Sender<Arc<RunEvent>>,
    cut_off: Arc<AtomicBool>,
}

impl Reader {
    /// `false` when the reader left, or is too far behind: then it is told, after what it has queued.
    fn give(&self, event: &Arc<RunEvent>) -> bool {
        let given = self.queue.try_send(event.clone());
        if matches!(given, Err(TrySendError::Full(_))) {
            self.cut_off.store(true, Ordering::Release);
        }
        given.is_ok()
    }
}

impl InProcessFanOut {
    fn runs(&self) -> MutexGuard<'_, HashMap<(TenantId, RunId), Channel>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RunFanOut for InProcessFanOut {
    async fn publish(&self, tenant: TenantId, run: RunId, events: &[RunEvent]) {
        let mut runs = self.runs();
        let channel = runs.entry((tenant, run)).or_default();
        for event in events {
            let event = Arc::new(event.clone());
            channel.readers.retain(|reader| reader.give(&event));
            channel.kept.push_back(event);
        }
    }

    async fn trim(&self, tenant: TenantId, run: RunId, through: u64) {
        if let Some(channel) = self.runs().get_mut(&(tenant, run)) {
            while channel.kept.front().is_some_and(|event| event.id <= through) {
                channel.kept.pop_front();
            }
        }
    }

    async fn close(&self, tenant: TenantId, run: RunId) {
        self.runs().remove(&(tenant, run));
    }

    async fn follow(&self, tenant: TenantId, run: RunId) -> Option<Following> {
        let mut runs = self.runs();
        let channel = runs.get_mut(&(tenant, run))?;
        let (sender, queue) = mpsc::channel(READER_BUFFER);
        let cut_off = Arc::new(AtomicBool::new(false));
        channel.readers.push(Reader {
            queue: sender,
            cut_off: cut_off.clone(),
        });
        let live = stream::unfold(Some((queue, cut_off)), |state| async move {
            let (mut queue, cut_off) = state?;
            match queue.recv().await {
                Some(event) => {
                    let event = Followed::Event(Arc::unwrap_or_clone(event));
                    Some((event, Some((queue, cut_off))))
                }
                None => cut_off
                    .load(Ordering::Acquire)
                    .then_some((Followed::CutOff, None)),
            }
        });
        Some(Following {
            kept: channel.kept.iter().map(|event| RunEvent::clone(event)).collect(),
            live: live.boxed(),
        })
    }
}
