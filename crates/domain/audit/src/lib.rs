#![doc = include_str!("../README.md")]

mod chain;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod ports;
mod trail;
#[cfg(test)]
mod twin;
mod verify;

pub use chain::{Day, Entry, Hash, Head};
pub use ports::AuditStore;
pub use trail::AuditTrail;
pub use verify::{Damage, Verdict};
