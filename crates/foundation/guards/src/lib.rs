#![doc = include_str!("../README.md")]

#[cfg(feature = "contract")]
pub mod contract;
mod key;
mod leases;
mod ports;
mod rate;
mod verdict;

pub use key::GuardKey;
pub use leases::Leases;
pub use ports::{Claim, Mark, Quota, ReplayGuard, Seat, Seats, Tally};
pub use rate::Rate;
pub use verdict::{Standing, Take, Verdict};
