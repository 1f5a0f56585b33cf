//! The runs that work in this process.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chancery_ids::RunId;
use tokio::sync::watch;

use crate::desk::Order;

/// Who works, and how to tell them something.
pub(crate) struct LiveRuns {
    runs: Mutex<HashMap<RunId, watch::Sender<Order>>>,
    count: watch::Sender<usize>,
    closed: std::sync::atomic::AtomicBool,
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
    pub(crate) fn enter(&self, run: RunId) -> watch::Receiver<Order> {
        let (orders, listener) = watch::channel(Order::Work);
        self.runs().insert(run, orders);
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
        if let Some(orders) = self.runs().get(&run) {
            orders.send_replace(order);
        }
    }

    /// Tells every run, and how many there were.
    pub(crate) fn tell_all(&self, order: Order) -> usize {
        let runs = self.runs();
        for orders in runs.values() {
            orders.send_replace(order);
        }
        runs.len()
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

    fn runs(&self) -> MutexGuard<'_, HashMap<RunId, watch::Sender<Order>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
