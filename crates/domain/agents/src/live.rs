//! The runs that work in this process.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use chancery_ids::{RunId, TenantId, UserId};
use tokio::sync::watch;

use crate::desk::Order;

/// Who works, and how to tell them something.
pub(crate) struct LiveRuns {
    runs: Mutex<HashMap<RunId, Worker>>,
    count: watch::Sender<usize>,
    closed: std::sync::atomic::AtomicBool,
}

struct Worker {
    tenant: TenantId,
    owner: Option<UserId>,
    orders: watch::Sender<Order>,
}

impl Default for LiveRuns {
    fn default() -> Self {
        Self {
            runs: Mutex::default(),
            count: watch::Sender::new(0),
            closed: false.into(),
        }
    }
}

impl LiveRuns {
    /// Lists a run that begins to work.
    pub(crate) fn enter(
        &self,
        run: RunId,
        tenant: TenantId,
        owner: Option<UserId>,
    ) -> watch::Receiver<Order> {
        let (orders, listener) = watch::channel(Order::Work);
        let worker = Worker {
            tenant,
            owner,
            orders,
        };
        self.runs().insert(run, worker);
        self.count.send_modify(|count| *count += 1);
        listener
    }

    /// Takes a run that has ended off the list.
    pub(crate) fn leave(&self, run: RunId) {
        if self.runs().remove(&run).is_some() {
            self.count.send_modify(|count| *count -= 1);
        }
    }

    /// Tells a run, if it works here.
    pub(crate) fn tell(&self, run: RunId, order: Order) {
        if let Some(worker) = self.runs().get(&run) {
            worker.orders.send_replace(order);
        }
    }

    /// Tells every run of a tenant.
    pub(crate) fn tell_tenant(&self, tenant: TenantId, order: Order) {
        for worker in self.runs().values().filter(|worker| worker.tenant == tenant) {
            worker.orders.send_replace(order);
        }
    }

    /// Tells every run, and how many there were.
    pub(crate) fn tell_all(&self, order: Order) -> usize {
        let runs = self.runs();
        for worker in runs.values() {
            worker.orders.send_replace(order);
        }
        runs.len()
    }

    /// Whether none works.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs().is_empty()
    }

    /// Whose they are, each once.
    pub(crate) fn owners(&self) -> Vec<(TenantId, UserId)> {
        let runs = self.runs();
        let owners = runs
            .values()
            .filter_map(|worker| Some((worker.tenant, worker.owner?)));
        owners.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// No run may begin any more.
    pub(crate) fn close(&self) {
        self.closed.store(true, std::sync::atomic::Ordering::SeqCst);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// Waits until none works.
    pub(crate) async fn empty(&self) {
        // The sender lives as long as `self`, so the wait ends only by the count.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }

    fn runs(&self) -> MutexGuard<'_, HashMap<RunId, Worker>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
