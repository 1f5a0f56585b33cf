//! Runs as server-sent events. A frame is a pure function of the run's fixed facts and one event of its log, so a replayed
//! frame equals the sent one byte for byte.

mod body;
mod chunks;
mod format;
mod members;
mod public;
mod resume;
mod sanitise;
mod tools;

pub(crate) use body::{respond, while_held};
pub(crate) use format::{Format, farewell};
pub(crate) use members::UsageMembers;
pub(crate) use resume::{LastEventId, not_ours};
