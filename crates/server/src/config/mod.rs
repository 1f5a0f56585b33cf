//! The settings, one struct per section. Names and defaults stand in the README's table.

mod auth;
mod http;
mod machines;
mod model;
mod people;
mod retention;
mod secrets;
mod source;
mod storage;

use std::path::{Path, PathBuf};

pub(crate) use auth::Auth;
pub(crate) use http::{Http, without_port};
pub(crate) use machines::Machines;
pub(crate) use model::{ModelSettings, ToolFiles};
pub(crate) use people::People;
pub(crate) use retention::Keep;
pub(crate) use secrets::DevelopmentSecrets;
pub(crate) use source::{ConfigErrors, Source};
pub(crate) use storage::{KeyStorage, Storage, Vault};

/// Everything the server is told. Built once, at the start; nothing below the server crate sees it.
#[derive(Debug)]
pub(crate) struct Config {
    /// `LOG_LEVEL`: a level, or directives as `tracing` reads them.
    pub log_level: String,
    /// `DATA_DIR`.
    pub data_dir: PathBuf,
    /// Addresses, hosts, origins and limits.
    pub http: Http,
    /// Databases, Redis and where keys are kept.
    pub storage: Storage,
    /// Tokens, passwords and the first owner.
    pub auth: Auth,
    /// Service accounts.
    pub machines: Machines,
    /// Mail and links.
    pub people: People,
    /// The model and the hosted agents.
    pub model: ModelSettings,
    /// How long things are kept.
    pub keep: Keep,
}

impl Config {
    /// Reads `chancery.toml` in the working folder and the process's environment.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    pub(crate) fn load() -> Result<Self, ConfigErrors> {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::from_source(Source::read(Path::new("chancery.toml"), environment)?)
    }

    /// Reads every section and gathers what is wrong.
    pub(crate) fn from_source(mut source: Source) -> Result<Self, ConfigErrors> {
        let environment = source
            .text("ENVIRONMENT")
            .unwrap_or_else(|| "development".to_owned());
        let development = environment == "development";
        let data_dir = source
            .text("DATA_DIR")
            .map_or_else(|| PathBuf::from("var"), PathBuf::from);
        let log_level = source.text("LOG_LEVEL").unwrap_or_else(|| "info".to_owned());
        let http = Http::read(&mut source);
        let storage = Storage::read(&mut source, &data_dir, development);
        let machines = Machines::read(&mut source);
        let people = People::read(&mut source, development);
        let model = ModelSettings::read(&mut source);
        let keep = Keep::read(&mut source);
        let auth = Auth::read(&mut source, &http, &data_dir, development);
        source.finish()?;
        let auth = auth.map_err(|error| ConfigErrors(vec![error]))?;
        Ok(Self {
            log_level,
            data_dir,
            http,
            storage,
            auth,
            machines,
            people,
            model,
            keep,
        })
    }
}

#[cfg(test)]
mod tests;
