#![doc = include_str!("../README.md")]

mod event;
mod model;
mod ports;
mod run;

pub use event::{
    ErrorSource, FinalStatus, Item, ItemPlace, ItemStatus, ItemType, LifecycleStatus, RunEvent,
    ToolCallStatus, What,
};
pub use model::{Model, ModelError, ModelEvent, ModelInput, ModelRequest, ModelTool, ToolCall, Usage};
pub use ports::{Followed, Following, READER_BUFFER, RunFanOut, RunStore, RunSystemStore};
pub use run::{Answer, Begun, Finish, Flush, Flushed, LEASE, NewRun, Run, RunStatus};
