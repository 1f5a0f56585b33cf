//! The `chancery` program.

use std::process::ExitCode;

use chancery_server::cli::Cli;
use clap::Parser;

/// Half of what a request costs beside its cryptography is small pieces of memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Cli::parse().run()
}
