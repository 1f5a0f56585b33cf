//! A small world for this crate's tests: storage and fan-out in memory, a model that follows a script, tools that note
//! whether they were entered.

mod approvals;
mod fan_out;
mod outbox;
mod quota;
mod scripted_model;
mod seats;
mod storage;
mod system;
mod threads;
mod tools;
mod world;

pub(crate) use fan_out::MemoryFanOut;
pub(crate) use quota::MemoryQuota;
pub(crate) use scripted_model::{ScriptedModel, Step, call, text};
pub(crate) use seats::MemorySeats;
pub(crate) use storage::Storage;
pub(crate) use tools::{Probe, tools};
pub(crate) use world::{World, all, person};
