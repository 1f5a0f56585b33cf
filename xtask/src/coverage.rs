//! `cargo xtask coverage`: how much of the crates that decide who may do what their own tests run.

use std::process::Command;

use crate::{Outcome, process, tools, workspace};

/// Whose lines are counted.
const PACKAGES: [&str; 3] = ["chancery-auth-keys", "chancery-tokens", "chancery-accounts"];
/// The least share of each one's lines, in percent.
const LEAST: &str = "90";
/// Files of tests, which would all count as covered.
const TESTS: &str = "/(tests|contract|twin)/|/(tests|twin|fixture)\\.rs$";

pub(crate) fn run() -> Outcome {
    let program = tools::LLVM_COV.program()?;
    let llvm = tools::llvm()?;
    // Instrumented artefacts have a place of their own: cargo-llvm-cov's folder inside the target folder. What another checkout
    // left there would be counted as ours, and never run.
    process::run(
        Command::new(&program)
            .args(["llvm-cov", "clean", "--workspace"])
            .envs(llvm.clone())
            .current_dir(workspace::root()?),
    )?;
    for package in PACKAGES {
        println!("{package}: at least {LEAST} % of lines");
        process::run(
            Command::new(&program)
                .args(["llvm-cov", "test", "--quiet", "--package", package])
                .args(["--lib", "--tests", "--all-features"])
                .args(["--summary-only", "--fail-under-lines", LEAST])
                .args(["--ignore-filename-regex", TESTS])
                .envs(llvm.clone())
                .current_dir(workspace::root()?),
        )?;
    }
    Ok(())
}
