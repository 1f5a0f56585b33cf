#![doc = include_str!("../README.md")]

mod amounts;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod counter;
mod day;
mod error;
mod ledger;
mod ports;
mod service;
#[cfg(test)]
mod twin;

pub use amounts::Amounts;
pub use counter::{Counter, DayCounter, Granularity, UsageQuery, Whose};
pub use day::{Day, DayError};
pub use error::UsageRefused;
pub use ledger::{UsageLedger, UsageWatch};
pub use ports::{UsageMeter, UsageStore, UsageSystemStore};
pub use service::UsageService;
