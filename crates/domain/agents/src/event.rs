//! What happens in a run, in the neutral form that the log keeps. Every stream protocol is rendered from this alone.

use chancery_ambient::Timestamp;
use chancery_ids::ApprovalId;
use chancery_tools::ToolKind;
use serde::{Deserialize, Serialize};

use crate::{Tripped, Usage};

/// One event of a run's log. Rendering is a pure function of it and its run, so a replayed frame equals the sent one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEvent {
    /// 1, 2, 3 … within the run; gaps only where a crash took reserved ids with it.
    pub id: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The agent that was at work, if any.
    pub agent: Option<String>,
    /// The call by which another agent asked the one at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Box<AgentScope>>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happens inside a call by which one agent asks another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentScope {
    /// The model's id of the call.
    pub tool_call_id: String,
    /// The tool: `ask_<agent>`.
    pub tool_name: String,
    /// The agent that was asked.
    pub agent: String,
}

/// What happened. The names are stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// The run moved on.
    Lifecycle {
        /// Where to.
        status: LifecycleStatus,
        /// Why, when it is not the ordinary course.
        reason: Option<String>,
    },
    /// Another agent took over.
    AgentUpdated {
        /// Who handed off.
        from: String,
        /// Who goes on.
        to: String,
        /// 1 for the run's first hand-off.
        index: u32,
    },
    /// An output item began: a message or a tool call.
    ItemAdded(Item),
    /// An output item is whole.
    ItemDone(Item),
    /// A piece of a message.
    MessageDelta {
        /// The item it belongs to.
        item: ItemPlace,
        /// The text.
        delta: String,
    },
    /// A piece of a refusal.
    RefusalDelta {
        /// The item it belongs to.
        item: ItemPlace,
        /// The text.
        delta: String,
    },
    /// A refusal is whole.
    RefusalDone {
        /// The item it belongs to.
        item: ItemPlace,
        /// All of its text.
        text: String,
    },
    /// A call's arguments are whole.
    ToolArguments {
        /// The item it belongs to.
        item: ItemPlace,
        /// The model's id of the call.
        call_id: String,
        /// The tool.
        name: String,
        /// Where the tool's code is.
        #[serde(default, skip_serializing_if = "is_plain")]
        tool: ToolKind,
        /// The arguments as the model wrote them.
        arguments: String,
    },
    /// A call moved on.
    ToolStatus {
        /// The item it belongs to.
        item: ItemPlace,
        /// The model's id of the call.
        call_id: String,
        /// The tool.
        name: String,
        /// Where the tool's code is.
        #[serde(default, skip_serializing_if = "is_plain")]
        tool: ToolKind,
        /// Where to.
        status: ToolCallStatus,
    },
    /// A call gave something back.
    ToolOutput {
        /// The item it belongs to.
        item: ItemPlace,
        /// The model's id of the call.
        call_id: String,
        /// Where the tool's code is.
        #[serde(default, skip_serializing_if = "is_plain")]
        tool: ToolKind,
        /// What it gave, cut to the limit.
        output: String,
    },
    /// A person is asked about a call, or has answered.
    ToolApproval {
        /// The item it belongs to.
        item: ItemPlace,
        /// The model's id of the call.
        call_id: String,
        /// The tool.
        name: String,
        /// Where the tool's code is.
        #[serde(default, skip_serializing_if = "is_plain")]
        tool: ToolKind,
        /// What is settled.
        approval: ApprovalId,
        /// The answer; `None` while it is waited for.
        approved: Option<bool>,
        /// What the person said to it.
        reason: Option<Box<str>>,
    },
    /// A guardrail found something, and did something about it. What it found is nowhere.
    Guardrail(Tripped),
    /// Terminal: the run failed.
    Error {
        /// A stable code.
        code: String,
        /// For people.
        message: String,
        /// Who failed.
        source: ErrorSource,
        /// Whether the same turn may succeed later.
        is_retryable: bool,
    },
    /// Terminal: the run ended.
    Final {
        /// How.
        status: FinalStatus,
        /// The whole answer.
        response_text: String,
        /// The whole refusal, when there was one.
        refusal_text: Option<String>,
        /// What it used.
        usage: Usage,
    },
}

fn is_plain(tool: &ToolKind) -> bool {
    *tool == ToolKind::Function
}

impl What {
    /// Whether nothing follows.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::Error { .. } | Self::Final { .. })
    }
}

/// Where an item stands in the output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemPlace {
    /// 0, 1, 2 … within the run.
    pub output_index: u32,
    /// Unique within the run.
    pub item_id: String,
}

/// An output item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Where it stands.
    pub place: ItemPlace,
    /// What it is.
    pub item_type: ItemType,
    /// Whether it is whole.
    pub status: ItemStatus,
}

/// What an output item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemType {
    /// Text by the agent.
    Message,
    /// A call of a tool or a hand-off.
    FunctionCall,
}

/// Whether an output item is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemStatus {
    /// More comes.
    InProgress,
    /// It is whole.
    Completed,
    /// It broke off.
    Incomplete,
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifecycleStatus {
    /// At work.
    InProgress,
    /// Ended with an answer.
    Completed,
    /// Ended without one.
    Failed,
    /// Stopped by its owner.
    Cancelled,
}

/// Where a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolCallStatus {
    /// At work.
    InProgress,
    /// It waits until a person agrees.
    AwaitingApproval,
    /// It gave something back.
    Completed,
    /// It failed or was refused.
    Failed,
}

/// Who failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorSource {
    /// The model's provider.
    Provider,
    /// This server.
    Server,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalStatus {
    /// With an answer.
    Completed,
    /// The model refused to answer.
    Refused,
    /// Stopped by its owner.
    Cancelled,
}

/// The items that these events leave open, each ended as broken off.
pub(crate) fn broken_off(events: &[RunEvent]) -> Vec<What> {
    let mut open: Vec<&Item> = Vec::new();
    for event in events {
        match &event.what {
            What::ItemAdded(item) => open.push(item),
            What::ItemDone(item) => open.retain(|opened| opened.place != item.place),
            What::Lifecycle { .. }
            | What::AgentUpdated { .. }
            | What::MessageDelta { .. }
            | What::RefusalDelta { .. }
            | What::RefusalDone { .. }
            | What::ToolArguments { .. }
            | What::ToolStatus { .. }
            | What::ToolOutput { .. }
            | What::ToolApproval { .. }
            | What::Guardrail(_)
            | What::Error { .. }
            | What::Final { .. } => {}
        }
    }
    let end = |item: &Item| {
        What::ItemDone(Item {
            status: ItemStatus::Incomplete,
            ..item.clone()
        })
    };
    open.into_iter().map(end).collect()
}

/// What stands between two messages of one answer.
pub(crate) const BETWEEN_MESSAGES: &str = "\n\n";

/// The answer that these events add up to, as it is stored: all messages, a blank line between two.
pub(crate) fn answer_of(events: &[RunEvent]) -> String {
    let (mut text, mut last) = (String::new(), None);
    for event in events {
        if let What::MessageDelta { item, delta } = &event.what {
            if last.is_some_and(|place| place != item) {
                text.push_str(BETWEEN_MESSAGES);
            }
            last = Some(item);
            text.push_str(delta);
        }
    }
    text
}
