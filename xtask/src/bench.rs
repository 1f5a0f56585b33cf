//! `cargo xtask bench`: how much of what the machine could do the server does. Ratios from one run count, figures of two runs do not.

mod auth;
mod client;
mod cpu;
mod flood;
mod nginx;
mod pgbench;
mod server;
mod streams;
mod table;

use std::path::PathBuf;

use crate::{Outcome, process, workspace};

/// What is measured.
#[derive(clap::Subcommand)]
pub(crate) enum Bench {
    /// Tokens: issue, refresh, verify, introspect, key set
    Auth(auth::Arguments),
    /// A flood of wrong passwords, and how long others wait beside it
    Flood(flood::Arguments),
    /// Paced event streams: memory of each, delivery, delay; and the same beside readers that stop reading
    Streams(streams::Arguments),
    /// The client of `streams`, in a process of its own
    #[command(hide = true)]
    StreamReaders(streams::Readers),
}

pub(crate) fn run(bench: &Bench) -> Outcome {
    match bench {
        Bench::Auth(arguments) => auth::run(arguments),
        Bench::Flood(arguments) => flood::run(arguments),
        Bench::Streams(arguments) => streams::run(arguments),
        Bench::StreamReaders(readers) => readers.run(),
    }
}

/// The programs under test, built for speed and with little patience.
struct Programs {
    server: PathBuf,
    library_calls: PathBuf,
}

impl Programs {
    /// The server alone.
    fn server() -> Outcome<PathBuf> {
        println!("building with the profile `perf`");
        process::run(workspace::cargo()?.args([
            "build",
            "--quiet",
            "--profile",
            "perf",
            "--package",
            "chancery-server",
        ]))?;
        Ok(workspace::target()?.join("perf").join("chancery"))
    }

    fn build() -> Outcome<Self> {
        let server = Self::server()?;
        process::run(
            workspace::cargo()?
                .args([
                    "build",
                    "--quiet",
                    "--profile",
                    "perf",
                    "--package",
                    "chancery-token-verify",
                ])
                .args(["--example", "library_calls"]),
        )?;
        let examples = workspace::target()?.join("perf").join("examples");
        Ok(Self {
            server,
            library_calls: examples.join("library_calls"),
        })
    }
}
