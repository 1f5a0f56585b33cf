//! The `chancery` program.

use std::process::ExitCode;

use chancery_server::cli::Cli;
use clap::Parser;

fn main() -> ExitCode {
    Cli::parse().run()
}
