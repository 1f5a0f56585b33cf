#![doc = include_str!("../README.md")]

mod agent;
mod approval;
mod approvals;
mod asking;
mod catalogue;
mod checkpoint;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod desk;
mod error;
mod event;
mod forgetting;
mod guarding;
mod guardrail;
mod idempotency;
mod limits;
mod live;
mod log_writer;
mod meter;
mod model;
mod pausing;
mod ports;
mod reader;
mod reading;
mod recovery;
mod repeating;
mod run;
mod search_conversations;
mod seating;
mod service;
mod stopping;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod titling;
mod tool_call;
mod turn;
mod working;

pub use agent::{Bundle, HandOff, HandOffContext, HostedAgent, Memory, MemoryStrategy};
pub use approval::{Approval, ApprovalState, Decision, LONGEST_REASON, Pause, Settled, Settlement};
pub use catalogue::{AgentCatalogue, AgentFault, AgentsRefused};
pub use error::{ApprovalRefused, ChatRefused, ReadRefused};
pub use event::{
    AgentScope, ErrorSource, FinalStatus, Item, ItemPlace, ItemStatus, ItemType, LifecycleStatus, RunEvent,
    ToolCallStatus, What,
};
pub use forgetting::RunLogSystemStore;
pub use guardrail::{Action, Check, Guardrails, Preset, Stage, Tripped};
pub use idempotency::{IdempotencyKey, IdempotencyKeyError, TurnClaim};
pub use limits::{LARGEST_MESSAGE, RunLimits, TurnRates};
pub use log_writer::FlushPolicy;
pub use model::{Model, ModelError, ModelEvent, ModelInput, ModelRequest, ModelTool, ToolCall, Usage};
pub use ports::{ApprovalStore, Followed, Following, READER_BUFFER, RunFanOut, RunStore, RunSystemStore};
pub use reading::{ConversationEvents, RunEvents};
pub use run::{Answer, Begun, Finish, Flush, Flushed, LEASE, NewRun, Run, RunStatus};
pub use search_conversations::SearchConversations;
pub use seating::StreamSeat;
pub use service::{Outcome, RunParts, RunService, RunSettings, StartChat, StartedRun};
pub use titling::TITLE_INSTRUCTIONS;
pub use turn::RunFailure;
