//! The token work, each kind beside what bounds it in the same run.

pub(super) mod scene;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use scene::Scene;

use super::client::{Side, load};
use super::nginx::Nginx;
use super::pgbench::Pgbench;
use super::server::Server;
use super::table::{self, Against, Row};
use super::{Programs, cpu};
use crate::services::{Services, postgres};
use crate::{Outcome, process};

/// Tokens: issue, refresh, verify, introspect, key set.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often everything is measured; the order turns around each time
    #[arg(long, default_value_t = 4)]
    rounds: usize,
    /// Seconds a measurement
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Connections that ask at once
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Measure this work alone, by its name in the table; may be repeated
    #[arg(long)]
    only: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let programs = Programs::build()?;
    let services = Services::start()?;
    let postgres_id = services
        .postgres_id()
        .ok_or("the processor time of somebody else's Postgres cannot be told: unset TEST_DATABASE_URL")?;
    let folder = tempfile::Builder::new().prefix("chancery-bench-").tempdir()?;
    cpu::pin(postgres_id, cpu::OTHERS)?;
    cpu::pin(std::process::id(), cpu::OTHERS)?;
    let server = Server::start(
        &programs.server,
        services.postgres_url(),
        &folder.path().join("server"),
        // On one core.
        &[("WORKERS", "1")],
    )?;
    cpu::pin(server.daemon.id(), cpu::MEASURED)?;
    let scene = Scene::set(&server, arguments.connections)?;
    let nginx = Nginx::start(&folder.path().join("nginx"), scene.jwks.as_bytes())?;
    cpu::pin(nginx.daemon.id(), cpu::MEASURED)?;
    for worker in children(nginx.daemon.id())? {
        cpu::pin(worker, cpu::MEASURED)?;
    }
    let installed = postgres::programs().ok_or("Postgres is not installed")?;
    let pgbench = Pgbench::new(installed.folder, services.postgres_url(), folder.path())?;

    let mut measured = Measured {
        time: Duration::from_secs(arguments.seconds),
        figures: HashMap::new(),
    };
    // Each kind's clients go on where they ended in the round before.
    let chosen =
        |work: &Work| arguments.only.is_empty() || arguments.only.iter().any(|name| name == work.name());
    let works = WORKS.into_iter().filter(chosen);
    let mut works: Vec<_> = works.map(|work| (work, scene.sides(work))).collect();
    for round in 1..=arguments.rounds {
        for (work, sides) in &mut works {
            match work {
                Work::Library => measured.library(Command::new(&programs.library_calls))?,
                Work::Nginx => {
                    load(nginx.address, sides, measured.time / 6)?;
                    let (done, spent) = measured.load(nginx.address, nginx.daemon.id(), sides)?;
                    measured.note(work.name(), rate(done, spent));
                }
                Work::Pgbench => {
                    let before = cpu::used_by(postgres_id)?;
                    let done = pgbench.run(arguments.connections, measured.time)?;
                    measured.note(
                        work.name(),
                        rate(done, cpu::used_by(postgres_id)?.saturating_sub(before)),
                    );
                }
                Work::Issue
                | Work::Cold
                | Work::Warm
                | Work::Introspect
                | Work::JwksDocument
                | Work::Refresh => {
                    load(server.address, sides, measured.time / 6)?;
                    let before = cpu::used_by(postgres_id)?;
                    let (done, spent) = measured.load(server.address, server.daemon.id(), sides)?;
                    measured.note(work.name(), rate(done, spent));
                    if *work == Work::Refresh {
                        let of_postgres = cpu::used_by(postgres_id)?.saturating_sub(before);
                        measured.note("refresh, of Postgres", rate(done, of_postgres));
                    }
                }
            }
        }
        works.reverse();
        println!("round {round} of {}", arguments.rounds);
    }
    measured.print();
    Ok(())
}

/// What is measured, in this order and back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Work {
    Library,
    Issue,
    Cold,
    Warm,
    Introspect,
    JwksDocument,
    Nginx,
    Refresh,
    Pgbench,
}

const WORKS: [Work; 9] = [
    Work::Library,
    Work::Issue,
    Work::Cold,
    Work::Warm,
    Work::Introspect,
    Work::JwksDocument,
    Work::Nginx,
    Work::Refresh,
    Work::Pgbench,
];

impl Work {
    const fn name(self) -> &'static str {
        match self {
            Self::Library => "library",
            Self::Issue => "issue",
            Self::Cold => "verify, cold",
            Self::Warm => "verify, warm",
            Self::Introspect => "introspect",
            Self::JwksDocument => "key set",
            Self::Nginx => "nginx",
            Self::Refresh => "refresh",
            Self::Pgbench => "pgbench",
        }
    }
}

/// What was measured so far, by name, a figure a round.
struct Measured {
    time: Duration,
    figures: HashMap<String, Vec<f64>>,
}

impl Measured {
    fn note(&mut self, name: &str, figure: f64) {
        self.figures.entry(name.to_owned()).or_default().push(figure);
    }

    fn load(&self, address: SocketAddr, pid: u32, sides: &mut [Box<dyn Side>]) -> Outcome<(u64, Duration)> {
        let before = cpu::used_by(pid)?;
        let done = load(address, sides, self.time)?;
        Ok((done, cpu::used_by(pid)?.saturating_sub(before)))
    }

    fn library(&mut self, mut program: Command) -> Outcome {
        for line in process::output(&mut program)?.lines() {
            let (name, figure) = line.split_once(' ').ok_or("a line without a figure")?;
            self.note(name, figure.parse()?);
        }
        Ok(())
    }

    fn print(&self) {
        let mut rows = Vec::new();
        let mut row = |name: &'static str, own: &str, against: Option<(&'static str, &str, f64)>| {
            let figures = |of: &str| self.figures.get(of).cloned().unwrap_or_default();
            rows.push(Row {
                name,
                figures: figures(own),
                against: against.map(|(name, of, must)| Against {
                    name,
                    figures: figures(of),
                    must,
                }),
            });
        };
        row(
            "sign, as a library call",
            "library_sign",
            Some(("ring, sign", "ring_sign", 0.8)),
        );
        row(
            "verify, as a library call",
            "library_verify",
            Some(("ring, verify", "ring_verify", 0.8)),
        );
        row(
            "issue (client_credentials)",
            "issue",
            Some(("ring, sign", "ring_sign", 0.4)),
        );
        row(
            "verify, cold (/auth/me)",
            "verify, cold",
            Some(("ring, verify", "ring_verify", 0.5)),
        );
        row(
            "verify, warm (/auth/me)",
            "verify, warm",
            Some(("verify, cold", "verify, cold", 5.0)),
        );
        row(
            "introspect",
            "introspect",
            Some(("ring, verify", "ring_verify", 0.0)),
        );
        row(
            "key set",
            "key set",
            Some(("nginx, the same as a file", "nginx", 1.0)),
        );
        row("refresh", "refresh", None);
        row(
            "refresh, a second of Postgres",
            "refresh, of Postgres",
            Some(("pgbench, the same statements", "pgbench", 0.7)),
        );
        table::print(&rows);
    }
}

/// Operations a second of processor time.
fn rate(done: u64, spent: Duration) -> f64 {
    let done = u32::try_from(done).unwrap_or(u32::MAX);
    f64::from(done) / spent.as_secs_f64().max(0.01)
}

/// The processes that this one started.
fn children(pid: u32) -> Outcome<Vec<u32>> {
    let listed = process::output(Command::new("pgrep").args(["--parent", &pid.to_string()]))?;
    listed.lines().map(|line| Ok(line.parse()?)).collect()
}
