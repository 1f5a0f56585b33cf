//! Why a turn was not begun or read.

use std::time::Duration;

use chancery_access::Denied;
use chancery_ambient::Fault;
use chancery_ids::{ApprovalId, RunId};

use crate::ApprovalState;

/// Why a turn was not begun. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum ChatRefused {
    /// The caller may not chat.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The message is empty or larger than [`crate::LARGEST_MESSAGE`] bytes.
    #[error("a message has 1 to {} bytes", crate::LARGEST_MESSAGE)]
    MessageSize,
    /// The person begins turns too often.
    #[error("rate limit exceeded ({limit})")]
    TooOften {
        /// Which limit.
        limit: &'static str,
        /// When to try again.
        retry_after: Duration,
    },
    /// No hosted agent has this name.
    #[error("there is no agent called {0}")]
    UnknownAgent(String),
    /// A run of this conversation is live: read it, cancel it, or settle what it waits for.
    #[error("a run of this conversation is live")]
    RunIsLive {
        /// Which.
        run: RunId,
        /// What it waits for.
        approval: Option<ApprovalId>,
    },
    /// Another turn was sent under this `Idempotency-Key`.
    #[error("the idempotency key belongs to another turn")]
    KeyReused,
    /// The run that this turn began was deleted with its conversation.
    #[error("the run of this turn was deleted")]
    RunIsDeleted(RunId),
    /// The server is going down.
    #[error("the server is going down")]
    ShuttingDown,
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why an approval was not settled or shown.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalRefused {
    /// The caller may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// There is none, or it is somebody else's.
    #[error("there is no such approval")]
    Absent,
    /// The reason has more than [`crate::LONGEST_REASON`] bytes.
    #[error("a reason has at most {} bytes", crate::LONGEST_REASON)]
    ReasonTooLong,
    /// It was settled otherwise, or its time is over.
    #[error("the approval is {}", .0.as_str())]
    Closed(ApprovalState),
    /// The server is going down.
    #[error("the server is going down")]
    ShuttingDown,
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why events could not be read on.
#[derive(Debug, thiserror::Error)]
pub enum ReadRefused {
    /// The caller may not read runs.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The run's log is kept no more; its answer is in the conversation.
    #[error("the run's log is kept no more")]
    Forgotten,
    /// The reader was too slow; it may resume after the last event it got.
    #[error("the reader was too slow")]
    CutOff,
    /// Something outside failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}
