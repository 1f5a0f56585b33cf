#![doc = include_str!("../README.md")]

#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod ports;
mod trail;
#[cfg(test)]
mod twin;

pub use ports::AuditStore;
pub use trail::AuditTrail;
