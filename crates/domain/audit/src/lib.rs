#![doc = include_str!("../README.md")]

mod ports;

pub use ports::AuditStore;
