//! Postgres itself, asked how much work a turn and a page are.

use std::fs;
use std::process::Command;

use super::replica::{EMAIL, PASSWORD, Replica};
use super::{Judge, Stage};
use crate::services::{Services, postgres};
use crate::{Outcome, process};

pub(super) const JUDGE: Judge = Judge {
    name: "scale",
    about: "a short turn is two transactions whatever its chunks, and pages of a million messages read a dozen buffers",
    run,
};

/// Every plan is logged as JSON, with what it really read.
const EXPLAIN: [&str; 6] = [
    "session_preload_libraries = 'auto_explain'",
    "auto_explain.log_min_duration = 0",
    "auto_explain.log_analyze = on",
    "auto_explain.log_buffers = on",
    "auto_explain.log_format = 'json'",
    // The server as the tests have it says nothing of plans.
    "log_min_messages = 'log'",
];

fn run(stage: &Stage) -> Outcome {
    for part in ["short", "long", "growth"] {
        println!("-- {part}");
        judge(stage, part)?;
    }
    Ok(())
}

fn judge(stage: &Stage, part: &str) -> Outcome {
    let services = Services::start()?;
    let Some(postgres) = services.postgres_id() else {
        return Err(
            "this counts every transaction of Postgres, so it must be its own: unset TEST_DATABASE_URL"
                .into(),
        );
    };
    let programs = postgres::programs().ok_or("Postgres is not installed")?;
    let psql = programs.folder.join("psql");
    let mut settings = vec!["ALTER SYSTEM SET autovacuum = off".to_owned()];
    if part == "growth" {
        settings.extend(EXPLAIN.map(|setting| format!("ALTER DATABASE postgres SET {setting}")));
    }
    settings.push("SELECT pg_reload_conf()".to_owned());
    for setting in &settings {
        let mut command = Command::new(&psql);
        command.args(["--no-psqlrc", "--quiet", "--command", setting]);
        process::output(command.arg(services.postgres_url()))?;
    }
    let folder = tempfile::Builder::new().prefix("chancery-scale-").tempdir()?;
    let words = if part == "long" { "20" } else { "0" };
    let limits = [
        ("OFFLINE_MODEL_WORDS_PER_SECOND", words),
        ("CHAT_RATE_LIMIT_PER_MINUTE", "0"),
        ("CHAT_STREAM_RATE_LIMIT_PER_MINUTE", "0"),
        // A title is written after its turn, at some time while the next one is counted.
        ("CONVERSATION_TITLES", "off"),
    ];
    let replica = Replica::start_with(stage.binary(), &services, &folder, ("one", None), &limits)?;
    let mut judge = stage.node("scale.mjs", &[])?;
    judge
        .env("CHANCERY_URL", &replica.url)
        .env("CHANCERY_EMAIL", EMAIL)
        .env("CHANCERY_PASSWORD", PASSWORD)
        .env("PSQL", psql)
        .env("DATABASE", services.postgres_url())
        .env("LOG", fs::read_link(format!("/proc/{postgres}/fd/2"))?)
        .env("PART", part);
    process::run(&mut judge)
}
