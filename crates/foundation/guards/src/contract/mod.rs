//! What any implementation of this crate's ports has to keep to. The clauses are judged by the machine's clock.

use std::{future::Future, sync::Arc};

use chancery_ambient::{TokioTasks, run_on};
use futures::future::join_all;

pub mod leases;
pub mod quota;
pub mod replay_guard;
pub mod seats;
pub mod tally;

/// Calls `ask` from `callers` tasks at once and gives their answers.
async fn at_once<P, T, F>(port: &Arc<P>, callers: usize, ask: impl Fn(Arc<P>) -> F) -> Vec<T>
where
    P: ?Sized,
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks = TokioTasks::current();
    let asked = (0..callers).map(|_| run_on(&*tasks, ask(port.clone())));
    let answers = join_all(asked).await;
    // A caller that panicked is missing, and the clause fails.
    answers.into_iter().filter_map(Result::ok).collect()
}
