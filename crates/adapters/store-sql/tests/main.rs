//! The store against real databases: one program, so that it is linked once.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests are assertions, their helpers too"
)]

mod contracts;
mod conversations;
mod late_commits;
mod migrations;
mod partitions;
mod runs;
mod schema_parity;
mod support;
mod turns;
mod usage;
mod writers;
