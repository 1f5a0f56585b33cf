//! How far a run may go.

use std::time::Duration;

use chancery_guards::Rate;
use chancery_tools::ToolLimits;

/// Bounds of one run. A run that meets one ends as failed, with its text kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLimits {
    /// Turns of the model.
    pub model_turns: u32,
    /// Hand-offs.
    pub handoffs: u32,
    /// Calls of tools, hand-offs not counted.
    pub tool_calls: u32,
    /// From begin to end.
    pub time: Duration,
    /// Text of the answer, in bytes.
    pub answer_bytes: usize,
    /// Bounds of one call.
    pub tool: ToolLimits,
    /// How long a run waits for a person to agree to a call.
    pub approval: Duration,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            model_turns: 10,
            handoffs: 5,
            tool_calls: 20,
            time: Duration::from_mins(5),
            answer_bytes: 256 * 1024,
            tool: ToolLimits::default(),
            approval: Duration::from_hours(24),
        }
    }
}

/// How often one person may begin a turn, and how much they may read at once; `None` is as often as they like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TurnRates {
    /// Turns whose answer is waited for.
    pub answered: Option<Rate>,
    /// Turns whose events are streamed.
    pub streamed: Option<Rate>,
    /// Streams read at the same time; 0 is as many as they like.
    pub streams_at_once: u32,
}

/// The largest message of a person, in bytes.
pub const LARGEST_MESSAGE: usize = 32 * 1024;
