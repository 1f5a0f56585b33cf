//! A fan-out in memory, which counts what it shows.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use chancery_ids::{RunId, TenantId};
use futures::{StreamExt, channel::mpsc, stream};

use super::Storage;
use crate::{FlushPolicy, Followed, Following, READER_BUFFER, RunEvent, RunFanOut};

#[derive(Default)]
pub(crate) struct MemoryFanOut {
    state: Mutex<State>,
    /// What the run's owner keeps to: checked at each event.
    promise: Option<(Arc<Storage>, FlushPolicy)>,
}

#[derive(Default)]
struct State {
    runs: HashMap<(TenantId, RunId), Channel>,
    shown: Vec<(RunId, u64)>,
}

#[derive(Default)]
struct Channel {
    kept: Vec<RunEvent>,
    readers: Vec<mpsc::Sender<Followed>>,
}

impl MemoryFanOut {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, run: RunId, events: &[RunEvent]) {
        let Some((storage, flush)) = &self.promise else {
            return;
        };
        let (stored, log) = (storage.run(run), storage.log(run));
        for event in events {
            let is_kept = log.contains(event);
            match flush {
                FlushPolicy::BeforeReaders => {
                    assert!(is_kept, "event {} was shown before it was kept", event.id);
                }
                FlushPolicy::AfterReaders => {
                    assert!(
                        is_kept || event.id <= stored.ids_until,
                        "event {} was not reserved",
                        event.id
                    );
                    assert!(
                        is_kept || !event.what.is_terminal(),
                        "the end was shown before it was kept"
                    );
                }
            }
        }
    }

    /// Ids that were shown, in order.
    pub(crate) fn shown(&self, run: RunId) -> Vec<u64> {
        self.state()
            .shown
            .iter()
            .filter(|(shown, _)| *shown == run)
            .map(|(_, id)| *id)
            .collect()
    }

    /// How many runs are carried.
    pub(crate) fn carried(&self) -> usize {
        self.state().runs.len()
    }
}

#[async_trait]
impl RunFanOut for MemoryFanOut {
    async fn publish(&self, tenant: TenantId, run: RunId, events: &[RunEvent]) {
        self.check(run, events);
        let mut state = self.state();
        state.shown.extend(events.iter().map(|event| (run, event.id)));
        let channel = state.runs.entry((tenant, run)).or_default();
        channel.kept.extend_from_slice(events);
        for event in events {
            channel
                .readers
                .retain_mut(|reader| reader.try_send(Followed::Event(event.clone())).is_ok());
        }
    }

    async fn trim(&self, tenant: TenantId, run: RunId, through: u64) {
        if let Some(channel) = self.state().runs.get_mut(&(tenant, run)) {
            channel.kept.retain(|event| event.id > through);
        }
    }

    async fn close(&self, tenant: TenantId, run: RunId) {
        if let Some(channel) = self.state().runs.remove(&(tenant, run)) {
            // An end that nobody announces is that of a reader that was cut off.
            for mut reader in channel.readers {
                let _ = reader.try_send(Followed::CutOff);
            }
        }
    }

    async fn follow(&self, tenant: TenantId, run: RunId) -> Option<Following> {
        let mut state = self.state();
        let channel = state.runs.get_mut(&(tenant, run))?;
        // A sender has one place of its own beside the buffer: it takes the mark of an orderly end.
        let (sender, queue) = mpsc::channel(READER_BUFFER - 1);
        channel.readers.push(sender);
        let live = stream::unfold(Some(queue), |queue| async move {
            let mut queue = queue?;
            match queue.next().await {
                Some(Followed::Event(event)) => Some((Followed::Event(event), Some(queue))),
                Some(Followed::CutOff) => None,
                None => Some((Followed::CutOff, None)),
            }
        });
        Some(Following {
            kept: channel.kept.clone(),
            live: live.boxed(),
        })
    }
}

mod tests {
    use super::MemoryFanOut;

    crate::run_fan_out_contract!(MemoryFanOut::default());
}
