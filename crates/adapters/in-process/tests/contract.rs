//! The fan-out keeps to its port's clauses.
#![cfg(test)]

chancery_agents::run_fan_out_contract!(chancery_in_process::InProcessFanOut::default());
