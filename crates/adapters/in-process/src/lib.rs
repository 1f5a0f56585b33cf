#![doc = include_str!("../README.md")]

mod expiring;
mod fan_out;
mod quota;
mod replay_guard;
mod seats;
mod tally;

pub use expiring::DEFAULT_CAPACITY;
pub use fan_out::InProcessFanOut;
pub use quota::InProcessQuota;
pub use replay_guard::InProcessReplayGuard;
pub use seats::InProcessSeats;
pub use tally::InProcessTally;
