//! `cargo xtask deny`: licences, bans and sources of all dependencies, by the rules of `deny.toml`.

use std::process::Command;

use crate::{Outcome, process, tools, workspace};

/// Advisories are not asked for here, because their database is fetched from the network: the public workflow does.
pub(crate) fn run() -> Outcome {
    let mut command = Command::new(tools::DENY.program()?);
    command.current_dir(workspace::root()?);
    process::run(command.args(["check", "licenses", "bans", "sources"]))
}
