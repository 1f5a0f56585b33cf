//! A call that waits until a person has agreed to it.

use chancery_ambient::Timestamp;
use chancery_events::Used;
use chancery_ids::{ApprovalId, ConversationKey, RunId};
use serde::{Deserialize, Serialize};

use crate::RunEvent;

/// A call of a tool that its run waits with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// The run that waits.
    pub run: RunId,
    /// The run's conversation, by its name on the wire.
    pub conversation_key: ConversationKey,
    /// The agent that wants to call.
    pub agent: String,
    /// The tool.
    pub tool: String,
    /// The model's id of the call.
    pub call_id: String,
    /// The arguments as the model wrote them.
    pub arguments: String,
    /// Where it is.
    pub state: ApprovalState,
    /// When it was asked for.
    pub asked_at: Timestamp,
    /// Until when it may be settled.
    pub expires_at: Timestamp,
    /// When it was settled, in whatever way.
    pub settled_at: Option<Timestamp>,
    /// What the person said to it.
    pub reason: Option<String>,
}

/// Where an approval is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalState {
    /// Nobody has said anything yet.
    Pending,
    /// The call was allowed, and the run went on.
    Approved,
    /// The call was refused, and the run went on.
    Denied,
    /// Nobody said anything in time; the run has ended.
    Expired,
    /// The run was stopped first.
    Withdrawn,
}

impl ApprovalState {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Approved,
        Self::Denied,
        Self::Expired,
        Self::Withdrawn,
    ];

    /// The name on the wire and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// What a person says to an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether the call may be made.
    pub approved: bool,
    /// Why; the model is told. At most [`LONGEST_REASON`] bytes.
    pub reason: Option<String>,
}

/// The longest reason of a decision, in bytes.
pub const LONGEST_REASON: usize = 1024;

/// What a pause writes: the run waits from now on, and nobody holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// What is waited for; pending.
    pub approval: Approval,
    /// The last events before the wait.
    pub events: Vec<RunEvent>,
    /// The agent at work.
    pub active_agent: String,
    /// Everything the run has used so far.
    pub used: Vec<Used>,
    /// All that is needed to go on, as JSON that this crate alone reads.
    pub checkpoint: String,
}

/// A decision, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settlement {
    /// What was said.
    pub decision: Decision,
    /// When.
    pub at: Timestamp,
    /// The lease of whoever goes on with the run.
    pub lease_until: Timestamp,
}

/// How settling ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// The run is the caller's to go on with, from this checkpoint.
    Resumed(Box<crate::Run>, String),
    /// It was settled before, its time is over, or its run was asked to stop: nothing was changed.
    Closed,
}
