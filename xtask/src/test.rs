//! `cargo xtask test`: unit, contract and system tests on SQLite, Postgres and Redis.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::services::Services;
use crate::{Outcome, binary, process, tools, workspace};

/// Tells the system tests where the binary is that they start.
pub(crate) const BINARY_VARIABLE: &str = "CHANCERY_BIN";
/// The package of the black-box tests, the only ones that need the binary.
const SYSTEM_TESTS: &str = "system-tests";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Start no Postgres and no Redis: for tests that need neither (comes before all other arguments)
    #[arg(long)]
    no_services: bool,
    /// Handed to `cargo nextest run`: `-p chancery-jose`, a filter, `--no-capture`, …
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let services = if arguments.no_services {
        None
    } else {
        Some(Services::start()?)
    };
    let scope = Scope::of(&arguments.rest);

    let mut command = runner()?;
    if scope.whole_workspace {
        command.arg("--workspace");
    }
    command.args(&arguments.rest);
    if scope.system_tests {
        command.env(BINARY_VARIABLE, binary::build()?);
    }
    if let Some(services) = &services {
        services.describe_to(&mut command);
    }
    process::run(&mut command)
}

/// Every test of the workspace, with everything they need.
pub(crate) fn run_all() -> Outcome {
    run(&Arguments {
        no_services: false,
        rest: Vec::new(),
    })
}

/// `cargo nextest run`, or `cargo test` where nextest is not to be had.
fn runner() -> Outcome<Command> {
    let mut command = workspace::cargo()?;
    match tools::NEXTEST.program() {
        Ok(program) => {
            let folder = program.parent().unwrap_or(Path::new(""));
            command.args(["nextest", "run"]).env("PATH", path_with(folder)?);
            if env::var_os("CI").is_some() {
                command.args(["--profile", "ci"]);
            }
        }
        Err(error) => {
            println!("nextest could not be installed ({error}): `cargo test` runs the tests instead");
            command.args(["test", "--lib", "--bins", "--tests"]);
        }
    }
    Ok(command)
}

fn path_with(folder: &Path) -> Outcome<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(
        env::split_paths(&path).chain([folder.to_path_buf()]),
    )?)
}

/// What the caller's arguments select.
#[derive(Debug, PartialEq)]
struct Scope {
    whole_workspace: bool,
    system_tests: bool,
}

impl Scope {
    fn of(rest: &[String]) -> Self {
        let mut packages = Vec::new();
        let mut words = rest.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if word == "-p" || word == "--package" {
                packages.extend(words.next());
            } else if let Some(package) = word
                .strip_prefix("--package=")
                .or_else(|| word.strip_prefix("-p"))
            {
                packages.push(package);
            }
        }
        let whole_workspace = packages.is_empty();
        Self {
            whole_workspace,
            system_tests: whole_workspace || packages.contains(&SYSTEM_TESTS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(line: &str) -> Scope {
        Scope::of(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn without_a_package_the_whole_workspace_is_tested() {
        let whole = Scope {
            whole_workspace: true,
            system_tests: true,
        };
        assert_eq!(scope(""), whole);
        assert_eq!(scope("some_filter --no-capture"), whole);
    }

    #[test]
    fn a_named_package_is_tested_alone_and_without_the_binary() {
        let alone = Scope {
            whole_workspace: false,
            system_tests: false,
        };
        assert_eq!(scope("-p chancery-jose some_filter"), alone);
        assert_eq!(scope("--package=chancery-jose"), alone);
        assert_eq!(scope("-pchancery-jose"), alone);
    }

    #[test]
    fn the_system_tests_get_the_binary() {
        assert!(scope("-p system-tests").system_tests);
        assert!(scope("--package chancery-jose --package system-tests").system_tests);
    }
}
