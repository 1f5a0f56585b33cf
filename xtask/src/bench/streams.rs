//! Thousands of paced event streams on one process: what each costs in memory, what it delivers, and how late.
//!
//! What is measured is the product's own path: runs of the offline model, a word a second each, written to Postgres and shown
//! through the fan-out, each read by several streams of its owner (`--runs` of `--streams`). The client is another process on the
//! other core and stamps what it reads; an event's delay is that time less the `server_timestamp` in it.

mod memory;
mod readers;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use self::memory::Memory;
use super::Programs;
use super::auth::scene::text;
use super::cpu::{self, MEASURED, OTHERS};
use super::server::{Server, post_json};
use crate::services::Services;
use crate::{Outcome, process};

pub(crate) use readers::Readers;

/// How the streams are measured.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Streams at once; each needs a descriptor in either process
    #[arg(long, default_value_t = 9500)]
    streams: u32,
    /// Runs that they read
    #[arg(long, default_value_t = 250)]
    runs: u32,
    /// Seconds a measurement
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How many in a hundred stop reading in the second part
    #[arg(long, default_value_t = 5)]
    stalled: u32,
    /// Measure this program instead of building one
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Also print each part as JSON
    #[arg(long)]
    json: bool,
}

/// Goals (KB a stream, KB a stalled reader, ms, share).
const STREAM_KB: f64 = 16.0;
const STALLED_KB: f64 = 64.0;
const DELAY_P99: f64 = 20.0;
const DELIVERED: f64 = 0.99;

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let binary = match &arguments.binary {
        Some(binary) => binary.clone(),
        None => Programs::server()?,
    };
    let services = Services::start()?;
    let folder = tempfile::Builder::new().prefix("chancery-bench-").tempdir()?;
    let settings = [
        ("OFFLINE_MODEL_WORDS_PER_SECOND", "1"),
        ("CHAT_STREAM_RATE_LIMIT_PER_MINUTE", "0"),
        ("CHAT_STREAM_CONCURRENT_LIMIT", "0"),
        ("CONVERSATION_TITLES", "off"),
        ("RUN_TIMEOUT_SECONDS", "3600"),
        ("WORKERS", "1"),
    ];
    let database = services.postgres_url();
    let long_run = long_run(&binary, database, folder.path())?;
    let server = Server::start(&binary, database, folder.path(), &settings)?;
    let pid = server.daemon.id();
    cpu::pin(pid, MEASURED)?;
    raise_descriptors(pid)?;
    let token = server.log_in()?;
    let mut client = Client::start(&server, text(&token, "access_token")?, arguments)?;
    println!(
        "{} streams of {} runs, an event a second each",
        arguments.streams, arguments.runs
    );

    // One for each run, so that what a run takes does not count for its streams.
    let opened = client.ask(&format!("open {}", arguments.runs))?;
    client.ask("rest 500")?;
    let before = Memory::of(pid)?;
    let all = client.ask(&format!("open {}", arguments.streams))?;
    client.ask("rest 2000")?;
    let grown = Memory::of(pid)?.above(&before);
    let streams = number(&all, "streams")? - number(&opened, "streams")?;
    let used = cpu::used_by(pid)?;
    let alone = client.ask(&format!("measure {}", arguments.seconds))?;
    let used = cpu::used_by(pid)?.saturating_sub(used);
    println!(
        "{:.1} KB a stream (goal: {STREAM_KB} at most), {:.1} KB of kernel buffers, both ends",
        grown.pss_kb / streams,
        grown.sockets_kb / streams
    );
    println!(
        "{:.0} events a CPU-second",
        number(&alone, "events")? / used.as_secs_f64()
    );
    tell("all read", &alone, arguments.json)?;

    let stalled = f64::from(arguments.streams * arguments.stalled / 100);
    let before = Memory::of(pid)?;
    client.ask(&format!("stall {stalled} {long_run}"))?;
    client.ask("rest 2000")?;
    let grown = Memory::of(pid)?.above(&before);
    let beside = client.ask(&format!("measure {}", arguments.seconds))?;
    println!(
        "{:.1} KB a stalled reader (goal: {STALLED_KB} at most), {:.1} KB of kernel buffers, both ends",
        grown.pss_kb / stalled,
        grown.sockets_kb / stalled
    );
    tell("beside stalled readers", &beside, arguments.json)
}

/// A run with a long log that has ended: whoever follows it gets as much at once as they take.
fn long_run(binary: &Path, database: &str, folder: &Path) -> Outcome<String> {
    let settings = [("OFFLINE_MODEL_WORDS_PER_SECOND", "0")];
    let server = Server::start(binary, database, folder, &settings)?;
    let token = server.log_in()?;
    let said = vec!["word"; 6000].join(" ");
    let body = json!({"message": format!("repeat after me: {said}"), "conversation_id": "long"});
    let answer = server.call(&post_json(
        "/api/v1/chat",
        Some(text(&token, "access_token")?),
        &body,
    ))?;
    let run = answer.pointer("/metadata/run_id").and_then(Value::as_str);
    Ok(run.ok_or("the long run has no id")?.to_owned())
}

fn tell(part: &str, measured: &Value, json: bool) -> Outcome {
    if json {
        println!("{measured}");
    }
    let share = number(measured, "delivered")?;
    println!(
        "{part}: {:.2} % of the events came (goal: {:.0} %), delay p50 {:.2} ms, p99 {:.2} ms (goal: {DELAY_P99} at most), most {:.2} ms",
        share * 100.0,
        DELIVERED * 100.0,
        number(measured, "p50_ms")?,
        number(measured, "p99_ms")?,
        number(measured, "most_ms")?,
    );
    Ok(())
}

fn number(answer: &Value, member: &str) -> Outcome<f64> {
    answer
        .get(member)
        .and_then(Value::as_f64)
        .ok_or_else(|| format!("the client did not tell {member}: {answer}").into())
}

/// Lets a process hold as many descriptors as it may at most.
fn raise_descriptors(pid: u32) -> Outcome {
    let pid = format!("--pid={pid}");
    let limits =
        process::output(Command::new("prlimit").args([&pid, "--nofile", "--noheadings", "--output=HARD"]))?;
    let most = limits.trim();
    process::output(Command::new("prlimit").args([&pid, &format!("--nofile={most}:{most}")]))?;
    Ok(())
}

/// The readers, in a process of their own.
struct Client {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Client {
    fn start(server: &Server, token: &str, arguments: &Arguments) -> Outcome<Self> {
        let mut child = process::bound_to_us(&std::env::current_exe()?, None)
            .args(["bench", "stream-readers"])
            .arg(server.address.to_string())
            .arg(arguments.runs.to_string())
            .env("STREAMS_TOKEN", token)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        cpu::pin(child.id(), OTHERS)?;
        raise_descriptors(child.id())?;
        let orders = child.stdin.take().ok_or("no way to the client")?;
        let answers = BufReader::new(child.stdout.take().ok_or("no way from the client")?);
        Ok(Self {
            child,
            orders,
            answers,
        })
    }

    fn ask(&mut self, order: &str) -> Outcome<Value> {
        writeln!(self.orders, "{order}")?;
        let mut answer = String::new();
        if self.answers.read_line(&mut answer)? == 0 {
            return Err(format!("the client ended at: {order}").into());
        }
        Ok(serde_json::from_str(&answer)?)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
