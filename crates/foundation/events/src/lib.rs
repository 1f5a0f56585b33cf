#![doc = include_str!("../README.md")]

#[cfg(feature = "contract")]
pub mod contract;
mod event;
mod ports;
mod relay;
mod usage;

pub use event::{Event, EventKind, UnknownEventKind};
pub use ports::{Consumer, OutboxStore};
pub use relay::Relay;
pub use usage::{RunUsage, Used};
