//! Each twin keeps to its port's clauses.
#![cfg(test)]

use std::sync::Arc;

use chancery_ambient::SystemClock;
use chancery_in_process::{
    DEFAULT_CAPACITY, InProcessQuota, InProcessReplayGuard, InProcessSeats, InProcessTally,
};

mod fan_out {
    chancery_agents::run_fan_out_contract!(chancery_in_process::InProcessFanOut::default());
}

mod quota {
    chancery_guards::quota_contract!(super::quota());
}

mod replay_guard {
    chancery_guards::replay_guard_contract!(super::replay_guard());
}

mod seats {
    chancery_guards::seats_contract!(super::seats());
}

mod tally {
    chancery_guards::tally_contract!(super::tally());
}

fn quota() -> InProcessQuota {
    InProcessQuota::new(Arc::new(SystemClock::default()), DEFAULT_CAPACITY)
}

fn replay_guard() -> InProcessReplayGuard {
    InProcessReplayGuard::new(Arc::new(SystemClock::default()), DEFAULT_CAPACITY)
}

fn seats() -> InProcessSeats {
    InProcessSeats::new(Arc::new(SystemClock::default()), DEFAULT_CAPACITY)
}

fn tally() -> InProcessTally {
    InProcessTally::new(Arc::new(SystemClock::default()), DEFAULT_CAPACITY)
}
