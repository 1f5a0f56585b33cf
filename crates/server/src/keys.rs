//! `chancery keys`.

use std::{error::Error, process::ExitCode};

use chancery_ambient::Ambient;
use clap::Subcommand;

use crate::{adapters, config::Config};

/// What to do with signing keys.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Action {
    /// Print the public keys that verifiers see.
    Jwks,
    /// Make the key set, when there is none yet.
    Generate,
}

/// Does it, and prints the public keys.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
pub(crate) async fn run(config: &Config, action: Action) -> Result<ExitCode, Box<dyn Error>> {
    let ambient = Ambient::system();
    let document = match action {
        Action::Generate => adapters::keys(config, &ambient).await?.jwks(),
        Action::Jwks => adapters::existing_keys(config, &ambient)
            .await?
            .ok_or(
                "there is no key set yet; `chancery keys generate` makes one, and so does the first start",
            )?
            .jwks(),
    };
    println!("{}", String::from_utf8_lossy(document.body()));
    Ok(ExitCode::SUCCESS)
}
