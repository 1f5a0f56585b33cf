//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{admin, config::Config, doctor, keys, logging, migrate, openapi, serve};

/// Identity, authority, memory and an account for AI agents.
#[derive(Debug, Parser)]
#[command(name = "chancery", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve HTTP (what happens without a command).
    Serve,
    /// Change the database's schema.
    #[command(subcommand)]
    Migrate(migrate::Action),
    /// Look after signing keys.
    Keys(keys::Keys),
    /// Do what only an operator does.
    #[command(subcommand)]
    Admin(admin::Action),
    /// Check the settings and every dependency; says what is wrong and how to mend it.
    Doctor,
    /// Print the OpenAPI document.
    Openapi,
}

impl Cli {
    /// Does what was asked. Failures are told on standard error, a line each.
    #[must_use]
    #[expect(
        clippy::print_stderr,
        reason = "this is where a command speaks to the person who ran it"
    )]
    pub fn run(self) -> ExitCode {
        match self.dispatch() {
            Ok(code) => code,
            Err(error) => {
                for line in error.to_string().lines() {
                    eprintln!("error: {line}");
                }
                let mut source = error.source();
                while let Some(cause) = source {
                    eprintln!("  caused by: {cause}");
                    source = cause.source();
                }
                ExitCode::FAILURE
            }
        }
    }

    fn dispatch(self) -> Result<ExitCode, Box<dyn std::error::Error>> {
        let command = self.command.unwrap_or(Command::Serve);
        if matches!(command, Command::Openapi) {
            return Ok(openapi::print());
        }
        let config = match (Config::load(), &command) {
            (Err(errors), Command::Doctor) => return Ok(doctor::report_settings(&errors)),
            (config, _) => config?,
        };
        logging::start(&config.log_level)?;
        install_tls_provider();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            match command {
                Command::Serve => serve::serve(config).await,
                Command::Migrate(action) => migrate::run(&config, action).await,
                Command::Keys(keys) => keys::run(&config, keys).await,
                Command::Admin(action) => admin::run(&config, action).await,
                Command::Doctor => Ok(Box::pin(doctor::run(&config)).await),
                Command::Openapi => Ok(openapi::print()),
            }
        })
    }
}

/// TLS for outgoing connections speaks through ring alone.
fn install_tls_provider() {
    // An error means that one is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
