//! `cargo xtask ci`: everything a change must pass, in the order in which it fails fastest.

use std::time::{Duration, Instant};

use crate::{Outcome, coverage, deny, openapi, process, test, tidy, workspace};

/// A name and what is run under it.
type Step = (&'static str, fn() -> Outcome);

/// The steps. All cargo steps select the same packages and features (`--workspace`, with the development
/// dependencies that tests bring), so that no dependency is compiled for one step and again for the next.
const STEPS: [Step; 9] = [
    ("fmt", || cargo("fmt --all --check")),
    ("clippy", || {
        // All features: the tests that only `cargo xtask interop` runs must compile too.
        cargo("clippy --quiet --workspace --all-targets --all-features -- --deny warnings")
    }),
    ("tidy", tidy::run),
    ("test", test::run_all),
    // `--examples` makes cargo choose the features of the tests, see `binary`.
    ("docs", || {
        cargo("doc --quiet --workspace --no-deps --lib --examples")
    }),
    ("doctests", || cargo("test --quiet --workspace --doc")),
    ("coverage", coverage::run),
    ("deny", deny::run),
    ("openapi", openapi::check),
];

pub(crate) fn run() -> Outcome {
    let mut done = Vec::new();
    for (name, step) in STEPS {
        println!("\n==> {name}");
        let started = Instant::now();
        let outcome = step();
        let took = started.elapsed();
        if let Err(error) = outcome {
            print_summary(&done);
            println!("  {name:<10} {:>7.1} s  FAILED", took.as_secs_f64());
            return Err(format!("ci stopped at `{name}`: {error}").into());
        }
        println!("<== {name}: {:.1} s", took.as_secs_f64());
        done.push((name, took));
    }
    print_summary(&done);
    Ok(())
}

fn print_summary(done: &[(&str, Duration)]) {
    let total: Duration = done.iter().map(|(_, took)| took).sum();
    println!(
        "\nci: {} of {} steps passed in {:.1} s",
        done.len(),
        STEPS.len(),
        total.as_secs_f64()
    );
    for (name, took) in done {
        println!("  {name:<10} {:>7.1} s", took.as_secs_f64());
    }
}

fn cargo(line: &str) -> Outcome {
    // Both steps that read it, docs and doctests, get the same flags: other flags would build the documentation anew.
    process::run(
        workspace::cargo()?
            .args(line.split(' '))
            .env("RUSTDOCFLAGS", "--deny warnings"),
    )
}
