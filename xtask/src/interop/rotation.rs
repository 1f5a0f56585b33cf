//! Two replicas over one Postgres and one Redis, under load, while their key is rotated three times. npm `jose` and PyPI `authlib` and
//! `joserfc` verify every token that they get hold of, as services do that know only our key set.

use std::env;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Judge, Stage};
use crate::Outcome;
use crate::process::{self, Daemon};
use crate::services::Services;

pub(super) const JUDGE: Judge = Judge {
    name: "rotation",
    about: "three rotations of the key under load on two replicas, and no token that npm jose, authlib or joserfc refuse",
    run,
};

const ROTATIONS: usize = 3;
/// `jose` asks for an unknown key once in 30 s and no more.
const BETWEEN: Duration = Duration::from_secs(35);
/// How long a promotion may be refused before something is wrong.
const PATIENCE: Duration = Duration::from_mins(2);
const EMAIL: &str = "owner@example.org";
const PASSWORD: &str = "correct-Horse-battery-9";

fn run(stage: &Stage) -> Outcome {
    let services = Services::start()?;
    let folder = tempfile::Builder::new().prefix("chancery-rotation-").tempdir()?;
    let one = Replica::start(stage.binary(), &services, &folder, "one", None)?;
    let other = Replica::start(stage.binary(), &services, &folder, "other", Some(&one.url))?;
    let stop = folder.path().join("stop");
    let mut judges = [
        stage.node("rotation.mjs", &["jose@6.2.17"])?,
        stage.python(
            "rotation.py",
            &["authlib==1.9.9", "joserfc==1.8.0", "cryptography==50.0.2"],
        )?,
    ];
    let mut judging = Vec::new();
    for judge in &mut judges {
        judge
            .env("CHANCERY_URLS", format!("{},{}", one.url, other.url))
            .env("CHANCERY_EMAIL", EMAIL)
            .env("CHANCERY_PASSWORD", PASSWORD)
            .env("CHANCERY_STOP", &stop);
        judging.push(judge.spawn()?);
    }
    for number in 1..=ROTATIONS {
        thread::sleep(BETWEEN);
        let began = Instant::now();
        while !one
            .command(&["keys", "promote"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?
            .success()
        {
            if began.elapsed() > PATIENCE {
                process::run(&mut one.command(&["keys", "promote"]))?;
            }
            thread::sleep(Duration::from_secs(1));
        }
        process::run(one.command(&["keys", "retire"]).stdout(Stdio::null()))?;
        println!("rotation {number} of {ROTATIONS}");
    }
    thread::sleep(BETWEEN);
    fs::write(&stop, "")?;
    for mut judge in judging {
        let verdict = judge.wait()?;
        if !verdict.success() {
            return Err(format!("a verifier refused a token: {verdict}").into());
        }
    }
    Ok(())
}

/// One process over the shared services.
struct Replica {
    url: String,
    environment: Vec<(String, String)>,
    binary: std::path::PathBuf,
    folder: std::path::PathBuf,
    _daemon: Daemon,
}

impl Replica {
    fn start(
        binary: &Path,
        services: &Services,
        folder: &TempDir,
        name: &str,
        issuer: Option<&str>,
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
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, text)| (name, text)))
            .current_dir(&self.folder);
        command
    }
}
