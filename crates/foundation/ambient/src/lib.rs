#![doc = include_str!("../README.md")]

mod ambience;
mod clock;
mod disciplined;
mod entropy;
mod fault;
mod manual;
mod tasks;
mod timestamp;

pub use ambience::Ambient;
pub use clock::{Clock, DeadlinePassed, SystemClock, within};
pub use disciplined::{DisciplinedClock, Offset, SLOWEST_SAMPLE, TooSlow};
pub use entropy::{Entropy, SystemEntropy};
pub use fault::{Fault, cause_of};
pub use manual::{ManualClock, SeededEntropy};
pub use tasks::{Tasks, TokioTasks, run_on};
pub use timestamp::Timestamp;
