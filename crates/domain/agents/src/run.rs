//! One turn of a hosted agent.

use std::time::Duration;

use chancery_ambient::Timestamp;
use chancery_events::Used;
use chancery_ids::{ApprovalId, ConversationId, ConversationKey, MessageId, RunId, TenantId, UserId};
use serde::{Deserialize, Serialize};

use crate::{RunEvent, TurnClaim, Usage};

/// How long a run belongs to its owner after each flush.
pub const LEASE: Duration = Duration::from_secs(15);

/// A run as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Whose tenant.
    pub tenant: TenantId,
    /// The person whose turn it answers.
    pub owner: UserId,
    /// The conversation's row.
    pub conversation: ConversationId,
    /// The conversation's name on the wire.
    pub conversation_key: ConversationKey,
    /// The agent the turn was addressed to.
    pub entry_agent: String,
    /// The agent at work, or that worked last.
    pub active_agent: String,
    /// Where it is.
    pub status: RunStatus,
    /// What it waits for, when that is where it is.
    pub approval: Option<ApprovalId>,
    /// Rises each time somebody takes the run over; writes of an older epoch do nothing.
    pub epoch: u64,
    /// Until when the owner of the epoch may write without renewing; while it waits for a person, until when it does.
    pub lease_until: Timestamp,
    /// No event above this id was shown to anybody.
    pub ids_until: u64,
    /// Whether somebody asked it to stop.
    pub cancel_requested: bool,
    /// While it is live, what it had used when it was last written.
    pub used: Vec<Used>,
    /// Whether its log is kept no more.
    pub log_forgotten: bool,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Run {
    /// The `stream_id` of its events: `chat_` and 32 hex digits.
    #[must_use]
    pub fn stream_id(&self) -> String {
        format!("chat_{}", self.id.as_uuid().simple())
    }
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// At work.
    Running,
    /// Waits until a person has agreed to a call. Nobody works on it.
    AwaitingApproval,
    /// Ended with an answer or a refusal.
    Completed,
    /// Ended without an answer.
    Failed,
    /// Stopped by its owner.
    Cancelled,
}

impl RunStatus {
    /// The name on the wire and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it may still change.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Running | Self::AwaitingApproval)
    }
}

/// What `begin` writes: the turn, the run and the log's first events, in one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    /// The run's id, drawn before.
    pub id: RunId,
    /// Whose tenant.
    pub tenant: TenantId,
    /// Whose turn.
    pub owner: UserId,
    /// The conversation's name; the conversation is made when there is none.
    pub conversation_key: ConversationKey,
    /// The id of its row, if it has to be made.
    pub new_conversation: ConversationId,
    /// The id of the person's message.
    pub user_message: MessageId,
    /// The person's text.
    pub text: String,
    /// The agent the turn is addressed to.
    pub entry_agent: String,
    /// The first events of the log.
    pub events: Vec<RunEvent>,
    /// Ids reserved.
    pub ids_until: u64,
    /// When.
    pub at: Timestamp,
    /// The first lease's end.
    pub lease_until: Timestamp,
    /// The name that the client gave this turn, if any.
    pub claim: Option<TurnClaim>,
}

/// How `begin` ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// The run is stored, with epoch 1.
    Started {
        /// The conversation's row.
        conversation: ConversationId,
        /// The position of the person's message.
        position: u64,
    },
    /// Another run of the conversation is live.
    Busy(Box<Run>),
    /// The same turn has begun this run before. It may have been deleted since.
    Repeated(RunId),
    /// Another turn has this name.
    KeyReused,
}

/// What a flush adds to the log of a live run; it renews the lease too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flush {
    /// New events, in order; may be none.
    pub events: Vec<RunEvent>,
    /// Ids reserved from now on; never lower than before.
    pub ids_until: u64,
    /// The agent at work.
    pub active_agent: String,
    /// The lease's new end.
    pub lease_until: Timestamp,
    /// Everything the run has used so far; `None` when that is what the store has.
    pub used: Option<Vec<Used>>,
}

/// How a flush ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    /// The run is still this owner's.
    Kept {
        /// Somebody asked it to stop.
        cancel_requested: bool,
    },
    /// Somebody took the run over, or it has ended: stop at once and write nothing more.
    Lost,
}

/// What `finish` writes: the last events, the answer and the run's end, in one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// The last events, the terminal one at the end.
    pub events: Vec<RunEvent>,
    /// Where the run ends.
    pub status: RunStatus,
    /// What to keep as the agent's message; `None` when no text arrived.
    pub answer: Option<Answer>,
    /// The agent that worked last.
    pub active_agent: String,
    /// What the run used.
    pub usage: Usage,
    /// When.
    pub at: Timestamp,
}

/// The agent's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its id.
    pub id: MessageId,
    /// The text that arrived; whole when the run completed.
    pub text: String,
}
