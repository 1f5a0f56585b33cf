//! A fixed number of threads, and a bounded queue whose places are not all for everybody.

use std::{
    collections::VecDeque,
    io,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Threads that do jobs in the order they came. They end when this is dropped; the jobs that wait then are dropped too.
pub(crate) struct Workers {
    shared: Arc<Shared>,
}

/// The right to one job's turn, which exactly one takes: the thread that does the job, or the asker who gives up. Dropped
/// with its asker; the job is skipped then.
pub(crate) struct Turn(Arc<AtomicBool>);

/// Every place that this job could wait in is taken.
#[derive(Debug)]
pub(crate) struct Full;

struct Shared {
    queue: Mutex<Queue>,
    came: Condvar,
    places: usize,
    /// How many of the places only reserved jobs may take.
    kept: usize,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closing: bool,
}

struct Job {
    reserved: bool,
    turn: Weak<AtomicBool>,
    work: Box<dyn FnOnce() + Send>,
}

impl Workers {
    /// Four waiting places a thread, a quarter of them kept for reserved jobs.
    pub(crate) fn start(name: &str, threads: NonZeroUsize) -> io::Result<Self> {
        let workers = Self {
            shared: Arc::new(Shared {
                queue: Mutex::default(),
                came: Condvar::new(),
                places: threads.get() * 4,
                kept: threads.get(),
            }),
        };
        for number in 0..threads.get() {
            let shared = workers.shared.clone();
            thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || shared.work())?;
        }
        Ok(workers)
    }

    /// Queues `work`. Jobs whose askers are gone hold no place.
    pub(crate) fn submit(
        &self,
        reserved: bool,
        turn: &Turn,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), Full> {
        let mut queue = self.shared.queue();
        queue.jobs.retain(Job::is_wanted);
        let unreserved = queue.jobs.iter().filter(|job| !job.reserved).count();
        let for_everybody = self.shared.places - self.shared.kept;
        if queue.jobs.len() >= self.shared.places || (!reserved && unreserved >= for_everybody) {
            return Err(Full);
        }
        queue.jobs.push_back(Job {
            reserved,
            turn: Arc::downgrade(&turn.0),
            work: Box::new(work),
        });
        drop(queue);
        self.shared.came.notify_one();
        Ok(())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        let mut queue = self.shared.queue();
        queue.closing = true;
        queue.jobs.clear();
        drop(queue);
        self.shared.came.notify_all();
    }
}

impl Turn {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(false)))
    }

    /// Whether this call took the turn.
    pub(crate) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

impl Shared {
    fn work(&self) {
        while let Some(job) = self.next() {
            let Some(turn) = job.turn.upgrade() else {
                continue;
            };
            if Turn(turn).take() && catch_unwind(AssertUnwindSafe(job.work)).is_err() {
                // The job's asker learns it by the answer that never comes; the thread goes on.
                tracing::error!("a job panicked");
            }
        }
    }

    /// Waits for a job; `None` when there will be no more.
    fn next(&self) -> Option<Job> {
        let mut queue = self.queue();
        loop {
            if queue.closing {
                return None;
            }
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            queue = self.came.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    fn is_wanted(&self) -> bool {
        self.turn
            .upgrade()
            .is_some_and(|taken| !taken.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroUsize, sync::mpsc};

    use super::{Turn, Workers};

    /// One thread, busy until the sender is dropped or used.
    fn one_busy_thread() -> (Workers, mpsc::Sender<()>, Turn) {
        let workers = Workers::start("test", NonZeroUsize::MIN).unwrap();
        let (go, gate) = mpsc::channel::<()>();
        let (begun, has_begun) = mpsc::channel();
        let turn = Turn::new();
        let job = move || {
            begun.send(()).unwrap();
            let _ = gate.recv();
        };
        workers.submit(false, &turn, job).unwrap();
        has_begun.recv().unwrap();
        (workers, go, turn)
    }

    #[test]
    fn the_last_places_are_for_reserved_jobs_alone() {
        let (workers, _go, _turn) = one_busy_thread();
        let turns: Vec<_> = (0..6).map(|_| Turn::new()).collect();
        let submit = |reserved, turn: usize| workers.submit(reserved, &turns[turn], || ()).is_ok();
        assert!(submit(false, 0) && submit(false, 1) && submit(false, 2));
        assert!(!submit(false, 3));
        assert!(submit(true, 4));
        assert!(!submit(true, 5));
    }

    #[test]
    fn a_place_is_free_again_when_its_asker_is_gone() {
        let (workers, _go, _turn) = one_busy_thread();
        let turns: Vec<_> = (0..3).map(|_| Turn::new()).collect();
        for turn in &turns {
            workers.submit(false, turn, || ()).unwrap();
        }
        let late = Turn::new();
        assert!(workers.submit(false, &late, || ()).is_err());
        drop(turns);
        assert!(workers.submit(false, &late, || ()).is_ok());
    }

    #[test]
    fn a_job_whose_asker_is_gone_or_gave_up_is_never_done() {
        let (workers, go, _turn) = one_busy_thread();
        let (did, done) = mpsc::channel();
        let note = |name: &'static str| {
            let did = did.clone();
            move || did.send(name).unwrap()
        };
        let (gone, gave_up, waits) = (Turn::new(), Turn::new(), Turn::new());
        workers.submit(false, &gone, note("gone")).unwrap();
        workers.submit(false, &gave_up, note("gave up")).unwrap();
        workers.submit(false, &waits, note("waits")).unwrap();
        drop(gone);
        assert!(gave_up.take());
        go.send(()).unwrap();
        assert_eq!(done.recv().unwrap(), "waits");
        assert!(!waits.take());
    }

    #[test]
    fn a_job_that_panics_ends_no_thread() {
        let workers = Workers::start("test", NonZeroUsize::MIN).unwrap();
        let (bad, good) = (Turn::new(), Turn::new());
        workers.submit(false, &bad, || panic!("on purpose")).unwrap();
        let (did, done) = mpsc::channel();
        workers
            .submit(false, &good, move || did.send(()).unwrap())
            .unwrap();
        done.recv().unwrap();
    }

    #[test]
    fn a_closing_pool_drops_what_waits() {
        let (workers, _go, _turn) = one_busy_thread();
        let (did, done) = mpsc::channel::<()>();
        let waits = Turn::new();
        workers
            .submit(false, &waits, move || did.send(()).unwrap())
            .unwrap();
        drop(workers);
        assert!(done.recv().is_err());
    }
}
