//! `cargo xtask interop`: outside programs judge the real binary.
//!
//! A judge is one file in `interop/` that exports a `JUDGE`, and one line in `JUDGES`. It installs what it needs,
//! pinned, through its [`Stage`], starts the server with the settings it wants, and fails with a message.

mod aimock;
mod jose;
mod llmock;
mod mcp;
mod oauth;
mod promtool;
mod replica;
mod revocation;
mod rotation;
mod scale;
mod schemathesis;
mod server;
mod sse;
mod stage;
mod vault;

use std::time::Instant;

use crate::{Outcome, binary};
use stage::Stage;

/// All judges.
const JUDGES: [&Judge; 12] = [
    &jose::JUDGE,
    &oauth::JUDGE,
    &promtool::JUDGE,
    &revocation::JUDGE,
    &rotation::JUDGE,
    &scale::JUDGE,
    &schemathesis::JUDGE,
    &sse::JUDGE,
    &aimock::JUDGE,
    &llmock::JUDGE,
    &mcp::JUDGE,
    &vault::JUDGE,
];

/// Somebody else's program that says whether ours speaks the standard.
struct Judge {
    /// As given on the command line.
    name: &'static str,
    /// What it proves.
    about: &'static str,
    /// Fails unless the server passes.
    run: fn(&Stage) -> Outcome,
}

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The judges to ask; all of them when none is named
    judges: Vec<String>,
    /// Print the judges and what each proves
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if arguments.list {
        for judge in JUDGES {
            println!("{:<12} {}", judge.name, judge.about);
        }
        return Ok(());
    }
    let asked = select(&arguments.judges)?;
    let binary = binary::build()?;
    let mut failed = Vec::new();
    for judge in &asked {
        println!("\n==> {}: {}", judge.name, judge.about);
        let started = Instant::now();
        // A stage of its own: no judge sees what another one left.
        match Stage::new(judge.name, &binary).and_then(|stage| (judge.run)(&stage)) {
            Ok(()) => println!("<== {}: {:.1} s", judge.name, started.elapsed().as_secs_f64()),
            Err(error) => {
                eprintln!("<== {} FAILED: {error}", judge.name);
                failed.push(judge.name);
            }
        }
    }
    println!(
        "\ninterop: {} passed, {} failed",
        asked.len() - failed.len(),
        failed.len()
    );
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("refused by {}", failed.join(", ")).into())
    }
}

fn select(names: &[String]) -> Outcome<Vec<&'static Judge>> {
    if names.is_empty() {
        return Ok(JUDGES.to_vec());
    }
    names
        .iter()
        .map(|name| {
            JUDGES
                .into_iter()
                .find(|judge| judge.name == name)
                .ok_or_else(|| format!("there is no judge `{name}`: see `cargo xtask interop --list`").into())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn judges_have_names_of_their_own() {
        let names: BTreeSet<_> = JUDGES.iter().map(|judge| judge.name).collect();
        assert_eq!(names.len(), JUDGES.len());
    }

    #[test]
    fn all_judges_are_asked_unless_some_are_named() {
        assert_eq!(select(&[]).unwrap().len(), JUDGES.len());
        assert_eq!(select(&["jose".to_owned()]).unwrap().len(), 1);
        assert!(select(&["nobody".to_owned()]).is_err());
    }
}
