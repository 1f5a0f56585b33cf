//! `chancery migrate`.

use std::{error::Error, process::ExitCode};

use chancery_store_sql::{MigrationStatus, Migrator};
use clap::Subcommand;

use crate::{adapters, config::Config};

/// What to do with the schema.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Action {
    /// Run every migration that has not run.
    Run,
    /// List what has run and what has not.
    Status,
    /// Undo the last migration.
    Revert,
    /// Exit with 1 when a migration has not run.
    Check,
}

/// Does it, and says what was done.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
pub(crate) async fn run(config: &Config, action: Action) -> Result<ExitCode, Box<dyn Error>> {
    let database = adapters::database(config)?;
    let migrator = Migrator::new(&database);
    match action {
        Action::Run => {
            for name in migrator.run().await? {
                println!("ran {name}");
            }
        }
        Action::Revert => match migrator.revert().await? {
            Some(name) => println!("reverted {name}"),
            None => println!("there is nothing to revert"),
        },
        Action::Status | Action::Check => {
            let status = migrator.status().await?;
            for (word, names) in [
                ("applied", &status.applied),
                ("pending", &status.pending),
                ("unknown", &status.unknown),
            ] {
                for name in names {
                    println!("{word} {name}");
                }
            }
            let clean = status.pending.is_empty() && status.unknown.is_empty();
            if matches!(action, Action::Check) && !clean {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What keeps this program from serving over a schema, and the remedy; `None` when nothing does.
pub(crate) fn trouble(status: &MigrationStatus) -> Option<(String, &'static str)> {
    if !status.unknown.is_empty() {
        let names = status.unknown.join(", ");
        let fault = format!("the database knows migrations that this program does not: {names}");
        return Some((fault, "run the newer program"));
    }
    if !status.pending.is_empty() {
        let fault = format!("pending migrations: {}", status.pending.join(", "));
        return Some((fault, "run `chancery migrate run`"));
    }
    None
}
