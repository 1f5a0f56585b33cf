#![doc = include_str!("../README.md")]

mod keys;
mod sealed;

pub use keys::{SealingKeyError, SealingKeys};
pub use sealed::{OpenError, TooLong};
