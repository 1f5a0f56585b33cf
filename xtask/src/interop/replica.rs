//! One of several processes of the real binary over one Postgres and one Redis.

use std::env;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::Outcome;
use crate::process::{self, Daemon};
use crate::services::Services;

/// The first owner's address.
pub(super) const EMAIL: &str = "owner@example.org";
/// The first owner's password.
pub(super) const PASSWORD: &str = "correct-Horse-battery-9";

/// One process over the shared services.
pub(super) struct Replica {
    pub(super) url: String,
    pub(super) environment: Vec<(String, String)>,
    binary: std::path::PathBuf,
    folder: std::path::PathBuf,
    _daemon: Daemon,
}

impl Replica {
    pub(super) fn start(
        binary: &Path,
        services: &Services,
        folder: &TempDir,
        name: &str,
        issuer: Option<&str>,
    ) -> Outcome<Self> {
        Self::start_with(binary, services, folder, (name, issuer), &[])
    }

    /// The same with more settings.
    pub(super) fn start_with(
        binary: &Path,
        services: &Services,
        folder: &TempDir,
        (name, issuer): (&str, Option<&str>),
        settings: &[(&str, &str)],
    ) -> Outcome<Self> {
        let port = process::free_port()?;
        let url = format!("http://127.0.0.1:{port}");
        let folder = folder.path().join(name);
        fs::create_dir_all(&folder)?;
        let mut environment: Vec<(String, String)> = [
            ("HOST", "127.0.0.1"),
            ("PORT", &port.to_string()),
            ("APP_PUBLIC_URL", &url),
            ("AUTH_ISSUER", issuer.unwrap_or(&url)),
            ("DATABASE_URL", services.postgres_url()),
            ("REDIS_URL", services.redis_url()),
            ("AUTO_RUN_MIGRATIONS", "true"),
            ("AUTH_KEY_STORAGE_BACKEND", "sql"),
            (
                "AUTH_KEY_ENCRYPTION_KEYS",
                "first:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
            ),
            ("AUTH_REFRESH_TOKEN_PEPPER", "of-both-replicas-and-of-nobody-else"),
            ("AUTH_PASSWORD_PEPPER", "another-of-both-replicas-and-nobody"),
            // Twice this is how long a key waits before it signs.
            ("AUTH_JWKS_MAX_AGE_SECONDS", "15"),
            ("BOOTSTRAP_OWNER_EMAIL", EMAIL),
            ("BOOTSTRAP_OWNER_PASSWORD", PASSWORD),
            ("DATA_DIR", &folder.join("data").display().to_string()),
        ]
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .into();
        environment.extend(
            ["PATH", "HOME"]
                .iter()
                .filter_map(|name| Some(((*name).to_owned(), env::var(name).ok()?))),
        );
        environment.extend(
            settings
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned())),
        );
        let log = folder.join("log");
        let mut command = process::bound_to_us(binary, None);
        command
            .env_clear()
            .envs(environment.iter().map(|(name, text)| (name, text)))
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?);
        let daemon = Daemon::start("chancery", "TERM", &mut command)?;
        let listening = || Ok(TcpStream::connect(("127.0.0.1", port)).is_ok());
        let up = process::wait_until("the replica listens", Duration::from_mins(1), listening);
        if let Err(error) = up {
            return Err(format!("{error}; its log:\n{}", fs::read_to_string(&log)?).into());
        }
        Ok(Self {
            url,
            environment,
            binary: binary.to_path_buf(),
            folder,
            _daemon: daemon,
        })
    }

    /// A command of the binary with this replica's settings.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, text)| (name, text)))
            .current_dir(&self.folder);
        command
    }
}
