//! The real binary as a child process.

use std::{collections::BTreeMap, fs::File, path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::{Person, TestDatabase};

const START: Duration = Duration::from_mins(1);
const END: Duration = Duration::from_mins(1);

/// What a server is told, and the folder it lives in. Starting twice with the same settings is a restart.
#[derive(Clone)]
pub struct Settings {
    folder: Arc<TempDir>,
    database: Option<Arc<TestDatabase>>,
    environment: BTreeMap<String, String>,
    /// The file that says what a faked machine's calendar shows.
    machine: String,
}

impl Settings {
    /// SQLite in a fresh folder; the offline model answers without a pause.
    #[must_use]
    pub fn sqlite() -> Self {
        let environment = BTreeMap::from(
            [
                ("HOST", "127.0.0.1"),
                ("PORT", "0"),
                ("OFFLINE_MODEL_WORDS_PER_SECOND", "0"),
                ("WORKERS", "1"),
            ]
            .map(|(name, text)| (name.to_owned(), text.to_owned())),
        );
        Self {
            folder: Arc::new(tempfile::tempdir().unwrap()),
            database: None,
            environment,
            machine: String::new(),
        }
    }

    /// A fresh Postgres database, the folder for keys, and a first owner named by settings.
    pub async fn postgres() -> Self {
        let database = Arc::new(TestDatabase::create().await);
        let mut settings = Self::sqlite()
            .with("DATABASE_URL", database.url())
            .with("AUTO_RUN_MIGRATIONS", "true")
            .with("BOOTSTRAP_OWNER_EMAIL", OWNER_EMAIL)
            .with("BOOTSTRAP_OWNER_PASSWORD", OWNER_PASSWORD);
        settings.database = Some(database);
        settings
    }

    /// The database of [`Settings::postgres`].
    #[must_use]
    pub fn database(&self) -> &TestDatabase {
        self.database.as_ref().expect("these settings are SQLite's")
    }

    /// With one hosted agent, which asks before it searches conversations.
    #[must_use]
    pub fn with_careful_agent(self) -> Self {
        const CAREFUL: &str = r#"
            name = "triage"
            display_name = "Triage"
            description = "Asks before it searches."
            model = "offline"
            instructions = "Help."
            [bundle]
            tools = ["search_conversations", "get_current_time"]
            approval = ["search_conversations"]
        "#;
        let folder = self.folder().join("agents");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("triage.toml"), CAREFUL).unwrap();
        self.with("AGENT_CATALOG_DIR", folder.to_str().unwrap())
    }

    /// One setting more.
    #[must_use]
    pub fn with(mut self, name: &str, text: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), text.into());
        self
    }

    /// A clock that the test moves, with [`Settings::move_clock`]: the database's where that tells the time, else the machine's.
    /// Deadlines and sleeps follow the monotonic clock, which stays as it is.
    pub async fn with_own_clock(self) -> Self {
        match &self.database {
            Some(database) => {
                database.own_clock().await;
                self
            }
            None => self.on_a_machine(0),
        }
    }

    /// Puts the clock of running and later servers that many seconds ahead of the real one. Over Postgres running servers
    /// notice within a second: [`Server::until_clock_moved`].
    pub async fn move_clock(&self, seconds: i64) {
        match &self.database {
            Some(database) => database.move_clock(seconds).await,
            None => self.move_machine(seconds),
        }
    }

    /// Servers started with these settings run on a machine whose calendar is that many seconds ahead of the real one.
    #[must_use]
    pub fn on_a_machine(mut self, ahead: i64) -> Self {
        self.machine = format!("machine-{ahead}");
        let file = self.folder().join(&self.machine);
        let settings = self
            .with("LD_PRELOAD", faketime())
            .with("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap())
            .with("FAKETIME_NO_CACHE", "1")
            .with("DONT_FAKE_MONOTONIC", "1");
        settings.move_machine(ahead);
        settings
    }

    /// Sets the calendar of that machine.
    pub fn move_machine(&self, ahead: i64) {
        // Renamed into place: a server never reads half of it.
        let new = self.folder().join("clock.new");
        std::fs::write(&new, format!("{ahead:+}s\n")).unwrap();
        std::fs::rename(new, self.folder().join(&self.machine)).unwrap();
    }

    /// The folder that holds the server's data and its log.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Everything written to the log so far, by every server of these settings.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log.jsonl")).unwrap_or_default()
    }

    /// A command of the binary, with these settings and nothing else of the environment.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let binary =
            std::env::var_os("CHANCERY_BIN").expect("CHANCERY_BIN is not set: run `cargo xtask test`");
        let mut command = Command::new(binary);
        command
            .args(arguments)
            .env_clear()
            .envs(&self.environment)
            .env("DATA_DIR", self.folder.path().join("data"))
            .current_dir(self.folder.path())
            .kill_on_drop(true)
            .stdin(Stdio::null());
        command
    }

    /// Runs a command of the binary, which must succeed, and gives what it printed.
    pub async fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().await.unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {printed}{told}");
        printed
    }

    /// Starts a server and waits until it listens.
    pub async fn start(&self) -> Server {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log.jsonl"))
            .unwrap();
        let mut child = self
            .command(&[])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = BTreeMap::new();
        let wait = async {
            while !told.contains_key("url") {
                let line = lines.next_line().await.unwrap();
                let line =
                    line.unwrap_or_else(|| panic!("the server ended at its start; its log:\n{}", self.log()));
                let (name, text) = line.split_once(": ").unwrap();
                told.insert(name.to_owned(), text.to_owned());
            }
        };
        timeout(START, wait)
            .await
            .unwrap_or_else(|_| panic!("no url within a minute; its log:\n{}", self.log()));
        // On a first start two lines follow; on later ones the pipe stays silent until the end.
        if let Ok(Ok(Some(line))) = timeout(Duration::from_millis(200), lines.next_line()).await {
            for line in [line, lines.next_line().await.unwrap().unwrap()] {
                let (name, text) = line.split_once(": ").unwrap();
                told.insert(name.to_owned(), text.to_owned());
            }
        }
        Server {
            child,
            _settings: self.clone(),
            url: told.remove("url").unwrap(),
            login: (told.remove("e-mail"), told.remove("password")),
        }
    }
}

/// Where Debian's `faketime` has its library for programs with threads.
fn faketime() -> String {
    let folders = std::fs::read_dir("/usr/lib").unwrap();
    let library = folders
        .map(|folder| folder.unwrap().path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists())
        .expect("libfaketime is not installed: run `cargo xtask test`");
    library.to_str().unwrap().to_owned()
}

/// The owner that [`Settings::postgres`] names.
pub const OWNER_EMAIL: &str = "owner@example.org";
/// Their password.
pub const OWNER_PASSWORD: &str = "correct-Horse-battery-9";

/// A running server. Killed when dropped.
pub struct Server {
    child: Child,
    /// The folder stays while the server lives in it.
    _settings: Settings,
    /// `http://127.0.0.1:<port>`
    pub url: String,
    login: (Option<String>, Option<String>),
}

impl Server {
    /// The e-mail and the password of the first start.
    #[must_use]
    pub fn first_login(&self) -> (String, String) {
        let email = self.login.0.clone().expect("only the first start prints a login");
        let printed = self.login.1.clone().unwrap();
        let password = if printed.starts_with('(') {
            OWNER_PASSWORD.to_owned()
        } else {
            printed
        };
        (email, password)
    }

    /// Logs the first owner in.
    pub async fn log_in(&self) -> Person {
        let (email, password) = self.first_login();
        Person::log_in(&self.url, &email, &password).await
    }

    /// Waits until the server tells a database's time that is that many seconds ahead of the real one.
    pub async fn until_clock_moved(&self, seconds: i64) {
        let expected = format!("clock_offset_seconds {}", -seconds);
        crate::eventually(&format!("the clock moved by {seconds} s"), async || {
            let metrics = crate::client().get(format!("{}/metrics", self.url)).send();
            let text = metrics.await.unwrap().text().await.unwrap();
            let told = text
                .lines()
                .find_map(|line| line.strip_prefix("clock_offset_seconds "));
            let told: f64 = told.expect("there is a gauge").parse().unwrap();
            format!("clock_offset_seconds {told:.0}") == expected
        })
        .await;
    }

    /// SIGTERM, and waits for the orderly end.
    pub async fn stop(mut self) {
        self.signal("TERM").await;
        let status = timeout(END, self.child.wait())
            .await
            .expect("the server did not end")
            .unwrap();
        assert!(status.success(), "the server ended with {status}");
    }

    /// SIGKILL: no destructor runs, no buffer is written.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Sends any signal by its name.
    pub async fn signal(&self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &pid])
                .status()
                .await
                .unwrap()
                .success()
        );
    }
}
