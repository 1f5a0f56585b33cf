#![doc = include_str!("../README.md")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command for people: its answer is what it prints"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "it runs outside the server, where there is no Clock and no configuration to be given"
)]

mod bench;
mod binary;
mod ci;
mod coverage;
mod deny;
mod interop;
mod migrate;
mod openapi;
mod process;
mod services;
mod test;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a command ends with. The error is a message for the person who ran it: what went wrong and how to mend it.
type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Maintainer commands of Chancery.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything a change must pass: fmt, clippy, tidy, test, docs, deny, openapi
    Ci,
    /// Check the rules that no compiler checks: layers, sizes, names, migrations, ports
    Tidy,
    /// Run the tests against private Postgres and Redis instances
    Test(test::Arguments),
    /// Count the lines of keys, tokens and accounts that their own tests run; fails below 90 %
    Coverage,
    /// Let outside programs judge the real binary
    Interop(interop::Arguments),
    /// Measure the real binary beside what bounds it
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Write docs/openapi.json from the server, or compare the two
    Openapi(openapi::Arguments),
    /// Create migrations, or run those of the server
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Look after signing keys: handed to `chancery keys` as it is
    Keys(migrate::Rest),
    /// Check licences, bans and sources of all dependencies
    Deny,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Ci => ci::run(),
        Command::Tidy => tidy::run(),
        Command::Test(arguments) => test::run(&arguments),
        Command::Coverage => coverage::run(),
        Command::Interop(arguments) => interop::run(&arguments),
        Command::Bench(bench) => bench::run(&bench),
        Command::Openapi(arguments) => openapi::run(&arguments),
        Command::Migrate(command) => migrate::run(&command),
        Command::Keys(rest) => migrate::keys(&rest),
        Command::Deny => deny::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
