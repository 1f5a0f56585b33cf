//! Work that outlives the call that began it.

use std::{future::Future, sync::Arc, time::Duration};

use futures::future::{BoxFuture, FutureExt};
use tokio::{runtime::Handle, sync::oneshot};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::{Clock, DeadlinePassed, Fault, within};

/// Runs background work on the main runtime, where pools live.
pub trait Tasks: Send + Sync {
    /// Starts `task` and lets it run to its end whoever waits. Carries the current span.
    fn spawn(&self, task: BoxFuture<'static, ()>);
}

/// Runs `work` through `tasks` and waits for its answer. A caller that stops waiting drops the wait, never the work.
///
/// # Errors
/// [`Fault::Unavailable`] when the work panicked or the runtime is going down.
pub async fn run_on<T: Send + 'static>(
    tasks: &dyn Tasks,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Fault> {
    let (answer, wait) = oneshot::channel();
    tasks.spawn(
        async move {
            // The asker may be gone; the work is done all the same.
            let _ = answer.send(work.await);
        }
        .boxed(),
    );
    wait.await
        .map_err(|_| Fault::unavailable("the work ended without an answer"))
}

/// Tracked tasks on one tokio runtime, drained at shutdown.
#[derive(Clone)]
pub struct TokioTasks {
    runtime: Handle,
    tracker: TaskTracker,
}

impl TokioTasks {
    /// Tasks on `runtime`, which should be multi-threaded.
    #[must_use]
    pub fn on(runtime: Handle) -> Self {
        Self {
            runtime,
            tracker: TaskTracker::new(),
        }
    }

    /// Tasks on the runtime this is called from.
    #[must_use]
    pub fn current() -> Arc<Self> {
        Arc::new(Self::on(Handle::current()))
    }

    /// Waits until every task has ended, at most for `limit`.
    pub async fn drain(&self, clock: &dyn Clock, limit: Duration) -> Result<(), DeadlinePassed> {
        self.tracker.close();
        within(clock, limit, self.tracker.wait()).await
    }
}

impl Tasks for TokioTasks {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.tracker.spawn_on(task.in_current_span(), &self.runtime);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        time::Duration,
    };

    use super::{TokioTasks, run_on};
    use crate::SystemClock;

    #[tokio::test]
    async fn work_goes_on_when_the_caller_stops_waiting() {
        let tasks = TokioTasks::current();
        let finished = Arc::new(AtomicBool::new(false));
        let (go, gate) = tokio::sync::oneshot::channel::<()>();
        let work = {
            let finished = finished.clone();
            async move {
                gate.await.unwrap();
                finished.store(true, Ordering::SeqCst);
            }
        };
        let mut wait = Box::pin(run_on(&*tasks, work));
        assert!(futures::poll!(&mut wait).is_pending());
        drop(wait);
        go.send(()).unwrap();
        tasks
            .drain(&SystemClock::default(), Duration::from_secs(5))
            .await
            .unwrap();
        assert!(finished.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn work_that_panics_is_a_fault_not_a_hang() {
        let tasks = TokioTasks::current();
        assert!(run_on(&*tasks, async { panic!("on purpose") }).await.is_err());
    }
}
