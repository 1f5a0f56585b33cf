//! The fan-out keeps to its port's clauses.
#![cfg(test)]

use std::future::ready;

use chancery_in_process::InProcessFanOut;

chancery_agents::run_fan_out_contract!(ready(InProcessFanOut::default()));
