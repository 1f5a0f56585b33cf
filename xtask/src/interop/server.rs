//! The real binary, started as a user starts it: with an empty data folder and nothing else.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::Outcome;
use crate::process::{self, Daemon};

/// A running server with its first owner. It stops when this is dropped.
pub(super) struct Server {
    /// Where clients reach it, without a trailing slash; also its issuer.
    pub(super) url: String,
    /// The first owner's address.
    pub(super) email: String,
    /// The first owner's password.
    pub(super) password: String,
    // Dropped in this order: the folder is the server's.
    daemon: Daemon,
    program: Program,
}

/// How it is started, each time the same.
struct Program {
    binary: PathBuf,
    port: u16,
    url: String,
    settings: Vec<(String, String)>,
    folder: TempDir,
}

impl Program {
    fn start(&self) -> Outcome<Daemon> {
        let folder = self.folder.path();
        let mut command = process::bound_to_us(&self.binary, None);
        command
            // A developer's own settings are not what is judged.
            .env_clear()
            .envs(["PATH", "HOME", "TMPDIR"].iter().filter_map(|name| Some((name, env::var_os(name)?))))
            .env("DATA_DIR", folder.join("data"))
            .env("HOST", "127.0.0.1")
            .env("PORT", self.port.to_string())
            .env("APP_PUBLIC_URL", &self.url)
            .envs(self.settings.iter().map(|(name, text)| (name, text)))
            // Where there is no chancery.toml.
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(self.log())?);
        Daemon::start("chancery", "TERM", &mut command)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Adds the log to what went wrong.
    fn with_log<T>(&self, outcome: Outcome<T>) -> Outcome<T> {
        outcome.map_err(|error| {
            let log = fs::read_to_string(self.log()).unwrap_or_default();
            format!("{error}; its log:\n{log}").into()
        })
    }
}

impl Server {
    pub(super) fn start(binary: &Path, settings: &[(&str, &str)]) -> Outcome<Self> {
        let port = process::free_port()?;
        let program = Program {
            binary: binary.to_path_buf(),
            port,
            url: format!("http://127.0.0.1:{port}"),
            settings: settings
                .iter()
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect(),
            folder: tempfile::Builder::new().prefix("chancery-interop-").tempdir()?,
        };
        let mut daemon = program.start()?;
        let mut greeting = Greeting::default();
        let lines = lines_of(&mut daemon)?;
        let ready = process::wait_until(
            "the server says its url, e-mail and password",
            Duration::from_mins(1),
            || {
                let open = greeting.read(&lines);
                if open || greeting.is_complete() {
                    return Ok(greeting.is_complete());
                }
                Err("the server ended before it said its url, e-mail and password".into())
            },
        );
        program.with_log(ready)?;
        Ok(Self {
            url: greeting.url.trim_end_matches('/').to_owned(),
            email: greeting.email,
            password: greeting.password,
            daemon,
            program,
        })
    }

    /// Ends the process in the middle of whatever it does, and starts it over the same data.
    pub(super) fn kill_and_start_again(&mut self) -> Outcome {
        self.daemon.kill()?;
        self.daemon = self.program.start()?;
        let _lines = lines_of(&mut self.daemon)?;
        let port = self.program.port;
        let listening = || Ok(TcpStream::connect(("127.0.0.1", port)).is_ok());
        let up = process::wait_until("the server listens again", Duration::from_mins(1), listening);
        self.program.with_log(up)
    }

    /// What a judge's script needs to begin, as environment variables.
    pub(super) fn describe_to(&self, command: &mut Command) {
        command
            .env("CHANCERY_URL", &self.url)
            .env("CHANCERY_EMAIL", &self.email)
            .env("CHANCERY_PASSWORD", &self.password);
    }
}

/// The three lines that the server prints on a fresh database.
#[derive(Default)]
struct Greeting {
    url: String,
    email: String,
    password: String,
}

impl Greeting {
    /// Takes the lines that are there; `false` when no more will come.
    fn read(&mut self, lines: &Receiver<String>) -> bool {
        loop {
            match lines.try_recv() {
                Ok(line) => self.take(&line),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn take(&mut self, line: &str) {
        let Some((name, value)) = line.split_once(": ") else {
            return;
        };
        match name.trim() {
            "url" => value.trim().clone_into(&mut self.url),
            "e-mail" => value.trim().clone_into(&mut self.email),
            "password" => value.trim().clone_into(&mut self.password),
            _ => {}
        }
    }

    fn is_complete(&self) -> bool {
        ![&self.url, &self.email, &self.password]
            .into_iter()
            .any(String::is_empty)
    }
}

/// Reads on a thread for as long as the server lives, so that it never waits for us to read.
fn lines_of(daemon: &mut Daemon) -> Outcome<Receiver<String>> {
    let stdout = daemon.take_stdout().ok_or("the server's output was not piped")?;
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Nobody listens after the greeting; reading goes on.
            let _ = sender.send(line);
        }
    });
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stand-in that says what the server says, and tells its environment.
    fn stand_in(folder: &TempDir, script: &str) -> std::path::PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.path().join("chancery");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn the_greeting_is_read_and_the_settings_are_passed() {
        let folder = tempfile::tempdir().unwrap();
        let binary = stand_in(
            &folder,
            "echo \"url: $APP_PUBLIC_URL/\"; echo \"e-mail: $BOOTSTRAP_OWNER_EMAIL\"; echo 'password: a: b'; exec sleep 60",
        );
        let server = Server::start(&binary, &[("BOOTSTRAP_OWNER_EMAIL", "owner@example.test")]).unwrap();
        assert!(
            server.url.starts_with("http://127.0.0.1:") && !server.url.ends_with('/'),
            "{}",
            server.url
        );
        assert_eq!(
            (server.email.as_str(), server.password.as_str()),
            ("owner@example.test", "a: b")
        );
    }

    #[test]
    fn a_server_that_ends_shows_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let binary = stand_in(&folder, "echo 'the pepper is too short' >&2; exit 1");
        let error = Server::start(&binary, &[]).err().unwrap().to_string();
        assert!(error.contains("the pepper is too short"), "{error}");
    }
}
