//! What a run needs to go on after it has waited, also in another process.

use std::collections::VecDeque;

use chancery_events::Used;
use chancery_ids::ApprovalId;
use serde::{Deserialize, Serialize};

use crate::{Decision, ItemPlace, ModelInput, ToolCall, Usage, desk::Spoken};

/// Where a run stands between two steps.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The turns before this one.
    pub(crate) before: Vec<ModelInput>,
    /// What the person said.
    pub(crate) text: String,
    /// What the model is shown next.
    pub(crate) input: Vec<ModelInput>,
    /// What the model wants called and is not done yet.
    pub(crate) calls: VecDeque<ToolCall>,
    /// To whom the model wants to hand off once the calls are done.
    pub(crate) next_agent: Option<String>,
    /// How often the model was asked.
    pub(crate) model_turns: u32,
    /// How many calls of tools the last answer of the model came to so far; hand-offs are none.
    #[serde(default)]
    pub(crate) calls_in_turn: u32,
    /// The agents that wait for the one at work, the one that the person speaks to first.
    #[serde(default)]
    pub(crate) outer: Vec<Outer>,
    /// The first of the calls, when it has been shown and waits.
    pub(crate) waiting: Option<ItemPlace>,
    /// What a person said to that one.
    pub(crate) decision: Option<(ApprovalId, Decision)>,
}

impl Progress {
    /// The beginning of a turn.
    pub(crate) fn new(before: Vec<ModelInput>, text: String) -> Self {
        let input = [&*before, &[ModelInput::User(text.clone())]].concat();
        Self {
            before,
            text,
            input,
            ..Self::default()
        }
    }

    /// The first of the calls is done: the model is shown it and what it came to.
    pub(crate) fn answered(&mut self, output: String) {
        if let Some(call) = self.calls.pop_front() {
            let call_id = call.id.clone();
            self.input.extend([
                ModelInput::ToolCall(call),
                ModelInput::ToolResult { call_id, output },
            ]);
        }
    }
}

/// An agent that waits until another one has answered the first of its calls.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Outer {
    pub(crate) agent: String,
    /// Where the call stands.
    pub(crate) place: ItemPlace,
    pub(crate) before: Vec<ModelInput>,
    pub(crate) text: String,
    pub(crate) input: Vec<ModelInput>,
    pub(crate) calls: VecDeque<ToolCall>,
    pub(crate) next_agent: Option<String>,
}

/// A run that waits, whole.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    pub(crate) agent: String,
    pub(crate) usage: Usage,
    #[serde(default)]
    pub(crate) used: Vec<Used>,
    pub(crate) handoffs: u32,
    pub(crate) tool_calls: u32,
    pub(crate) progress: Progress,
    pub(crate) spoken: Spoken,
    /// The id of the next event.
    pub(crate) next_event: u64,
}
