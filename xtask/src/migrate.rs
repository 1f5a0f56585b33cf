//! `cargo xtask migrate`: new migrations for both databases, and the server's own migration commands.

use std::fs;
use std::path::Path;
use std::process;

use crate::{Outcome, binary, workspace};

/// The databases, each with a folder of migrations; the folders hold the same names.
pub(crate) const ENGINES: [&str; 2] = ["postgres", "sqlite"];

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Create the twin folders of a new migration
    New {
        /// What it does, in snake case: `add_refresh_families`
        name: String,
    },
    /// Bring the configured database up to date
    Run(Rest),
    /// Undo the newest migration of the configured database
    Revert(Rest),
    /// List the migrations and which of them the configured database has
    Status(Rest),
    /// Fail unless the configured database has exactly the migrations that the server knows
    Check(Rest),
}

/// Handed to the server as it is.
#[derive(clap::Args)]
pub(crate) struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(command: &Command) -> Outcome {
    let (verb, rest) = match command {
        Command::New { name } => return create(&workspace::root()?.join("migrations"), name),
        Command::Run(rest) => ("run", rest),
        Command::Revert(rest) => ("revert", rest),
        Command::Status(rest) => ("status", rest),
        Command::Check(rest) => ("check", rest),
    };
    hand_over(&["migrate", verb], rest)
}

/// `cargo xtask keys`: the server's own commands for keys.
pub(crate) fn keys(rest: &Rest) -> Outcome {
    hand_over(&["keys"], rest)
}

fn hand_over(command: &[&str], rest: &Rest) -> Outcome {
    crate::process::run(
        process::Command::new(binary::build()?)
            .args(command)
            .args(&rest.arguments),
    )
}

fn create(migrations: &Path, name: &str) -> Outcome {
    let well_formed = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    if !well_formed {
        return Err(format!("`{name}` is not snake case: write it like `add_refresh_families`").into());
    }
    let folder_name = format!("{:04}_{name}", next_number(migrations)?);
    for engine in ENGINES {
        let folder = migrations.join(engine).join(&folder_name);
        fs::create_dir_all(&folder)?;
        fs::write(
            folder.join("up.sql"),
            format!("-- {engine}: {}\n", name.replace('_', " ")),
        )?;
        fs::write(
            folder.join("down.sql"),
            "-- Undoes up.sql, keeping the data of what stays.\n",
        )?;
        println!("created {}", folder.display());
    }
    Ok(())
}

/// One more than the highest number that either database's migrations begin with.
fn next_number(migrations: &Path) -> Outcome<u64> {
    let mut highest = 0;
    for engine in ENGINES {
        let folder = migrations.join(engine);
        if !folder.is_dir() {
            continue;
        }
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let number = name.split('_').next().and_then(|digits| digits.parse().ok());
            highest = highest.max(number.unwrap_or(0));
        }
    }
    Ok(highest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_migration_has_twin_folders_and_the_next_number() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("sqlite/0007_accounts")).unwrap();
        create(folder.path(), "add_families").unwrap();
        for engine in ENGINES {
            let twin = folder.path().join(engine).join("0008_add_families");
            assert!(twin.join("up.sql").is_file() && twin.join("down.sql").is_file());
        }
    }

    #[test]
    fn a_name_that_is_no_folder_name_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", "Add", "add-families", "../x", "7_add"] {
            assert!(create(folder.path(), name).is_err(), "{name}");
        }
    }
}
