//! The client of the measurement: opens streams, reads them, and stamps what comes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Outcome;

/// Reads streams as it is told on its standard input, and answers each order with a line of JSON.
#[derive(clap::Args)]
pub(crate) struct Readers {
    /// The server
    address: SocketAddr,
    /// How many runs are begun; further streams read those again
    runs: usize,
}

/// Words of each run: more seconds than the measurement takes.
const WORDS: usize = 1500;
const DAY: f64 = 86_400.0;

/// What one stream got: the ids of events that are stamped within the window, by when they were stamped and how late they came.
type Got = Vec<(u64, f64, f64)>;

struct Scene {
    address: SocketAddr,
    token: String,
    runs: usize,
    /// The run of each of the first streams.
    begun: Vec<String>,
    /// What each stream has got since the last measurement began, with its run.
    streams: Vec<(usize, Arc<Mutex<Got>>)>,
    stalled: Vec<TcpStream>,
}

impl Readers {
    pub(crate) fn run(&self) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let token = std::env::var("STREAMS_TOKEN")?;
        let mut scene = Scene {
            address: self.address,
            token,
            runs: self.runs,
            begun: Vec::new(),
            streams: Vec::new(),
            stalled: Vec::new(),
        };
        let mut orders = std::io::stdin().lock();
        let (mut line, mut out) = (String::new(), std::io::stdout());
        loop {
            line.clear();
            // While nothing is asked the streams have to be read all the same, so nobody lets long pass here.
            if orders.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let answer = runtime.block_on(scene.obey(line.trim()))?;
            writeln!(out, "{answer}")?;
            out.flush()?;
        }
    }
}

impl Scene {
    async fn obey(&mut self, order: &str) -> Outcome<Value> {
        let (verb, number) = order.split_once(' ').ok_or("an order is a verb and a number")?;
        match verb {
            "open" => {
                let wanted: usize = number.parse()?;
                while self.streams.len() < wanted {
                    self.open().await?;
                }
                Ok(json!({"streams": self.streams.len()}))
            }
            "rest" => {
                tokio::time::sleep(Duration::from_millis(number.parse()?)).await;
                Ok(json!({}))
            }
            "measure" => Ok(self.measure(Duration::from_secs(number.parse()?)).await),
            "stall" => {
                let (wanted, run) = number.split_once(' ').ok_or("how many, and of which run")?;
                let wanted: usize = wanted.parse()?;
                // A little apart, so that the replays do not all begin at once.
                while self.stalled.len() < wanted {
                    let mut stream = self.connect(&follow(run, &self.token)).await?;
                    read_head(&mut stream).await?;
                    self.stalled.push(stream);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Ok(json!({"stalled": self.stalled.len()}))
            }
            _ => Err(format!("no such order: {order}").into()),
        }
    }

    /// One stream more: of a run of its own while there are too few, else of one of those.
    async fn open(&mut self) -> Outcome {
        let number = self.streams.len();
        let place = number % self.runs;
        let got = Arc::new(Mutex::new(Got::new()));
        let stream = if let Some(run) = self.begun.get(place) {
            let mut stream = self.connect(&follow(run, &self.token)).await?;
            read_head(&mut stream).await?;
            stream
        } else {
            let said = vec!["word"; WORDS].join(" ");
            let request = turn(
                &format!("paced-{place}"),
                &format!("repeat after me: {said}"),
                &self.token,
            );
            let mut stream = self.connect(&request).await?;
            let head = read_head(&mut stream).await?;
            self.begun.push(run_of(&mut stream, head).await?);
            stream
        };
        tokio::spawn(read(stream, got.clone()));
        self.streams.push((place, got));
        Ok(())
    }

    async fn connect(&self, request: &str) -> Outcome<TcpStream> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        stream.write_all(request.as_bytes()).await?;
        Ok(stream)
    }

    /// Counts what comes with a stamp of the next `time`.
    async fn measure(&self, time: Duration) -> Value {
        let begins = of_day();
        let lock =
            |got: &Mutex<Got>| std::mem::take(&mut *got.lock().unwrap_or_else(PoisonError::into_inner));
        for (_, got) in &self.streams {
            lock(got);
        }
        tokio::time::sleep(time + Duration::from_secs(2)).await;
        let inside = |stamp: f64| (stamp - begins).rem_euclid(DAY) < time.as_secs_f64();
        let (mut delays, mut seen) = (Vec::new(), BTreeMap::<usize, Seen>::new());
        for (run, got) in &self.streams {
            let seen = seen.entry(*run).or_default();
            seen.readers += 1;
            for (id, stamp, delay) in lock(got) {
                if inside(stamp) {
                    seen.ids.insert(id);
                    delays.push(delay * 1000.0);
                }
            }
        }
        // What anybody saw of a run, everybody who reads it is to see.
        let due: usize = seen.values().map(|seen| seen.readers * seen.ids.len()).sum();
        delays.sort_by(f64::total_cmp);
        let at = |hundredth: usize| delays.get(delays.len() * hundredth / 100).copied();
        let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        json!({
            "events": delays.len(),
            "a_stream_a_second": count(delays.len()) / count(self.streams.len()) / time.as_secs_f64(),
            "delivered": count(delays.len()) / count(due),
            "least_ms": delays.first(),
            "p50_ms": at(50),
            "p99_ms": at(99),
            "most_ms": delays.last(),
        })
    }
}

#[derive(Default)]
struct Seen {
    readers: usize,
    ids: BTreeSet<u64>,
}

async fn read(mut stream: TcpStream, got: Arc<Mutex<Got>>) {
    let mut rest = Vec::new();
    let mut piece = vec![0; 2048];
    while let Ok(read @ 1..) = stream.read(&mut piece).await {
        let now = of_day();
        rest.extend_from_slice(piece.get(..read).unwrap_or_default());
        let whole = rest
            .windows(2)
            .rposition(|pair| pair == b"\n\n")
            .map_or(0, |end| end + 2);
        let text = String::from_utf8_lossy(rest.get(..whole).unwrap_or_default()).into_owned();
        rest.drain(..whole);
        let mut got = got.lock().unwrap_or_else(PoisonError::into_inner);
        for frame in text.split("\n\n").filter(|frame| frame.contains("message.delta")) {
            if let Some((id, stamp)) = stamp_of(frame) {
                got.push((id, stamp, (now - stamp + DAY / 2.0).rem_euclid(DAY) - DAY / 2.0));
            }
        }
    }
}

fn stamp_of(frame: &str) -> Option<(u64, f64)> {
    let id = between(frame, "\"event_id\":", ",")?.parse().ok()?;
    let time = between(frame, "\"server_timestamp\":\"", "Z\"")?;
    let (_, time) = time.split_once('T')?;
    let mut parts = time.splitn(3, ':').map(|part| part.parse::<f64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    Some((id, hours * 3600.0 + minutes * 60.0 + seconds))
}

fn between<'t>(text: &'t str, begin: &str, end: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(begin)?;
    rest.split_once(end).map(|(found, _)| found)
}

/// Seconds of the day, as events are stamped.
fn of_day() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs_f64().rem_euclid(DAY)
}

fn turn(conversation: &str, message: &str, token: &str) -> String {
    let body = json!({"message": message, "conversation_id": conversation}).to_string();
    let length = body.len();
    format!(
        "POST /api/v1/chat/stream HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn follow(run: &str, token: &str) -> String {
    format!(
        "GET /api/v1/runs/{run}/stream HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\r\n"
    )
}

/// Reads up to the end of the head, which has to say 200, and gives what came after it.
async fn read_head(stream: &mut TcpStream) -> Outcome<Vec<u8>> {
    let mut read = Vec::new();
    loop {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).await?;
        if count == 0 {
            return Err("the server closed the connection".into());
        }
        read.extend_from_slice(piece.get(..count).unwrap_or_default());
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            if !read.starts_with(b"HTTP/1.1 200") {
                return Err(String::from_utf8_lossy(&read).into_owned().into());
            }
            return Ok(read.split_off(end + 4));
        }
    }
}

/// The run that a stream has just begun with, from the first event's id.
async fn run_of(stream: &mut TcpStream, mut read: Vec<u8>) -> Outcome<String> {
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some(run) = between(&text, "id: ", ".") {
            return Ok(run.to_owned());
        }
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).await?;
        if count == 0 {
            return Err("the server closed the connection".into());
        }
        read.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::stamp_of;

    #[test]
    fn a_frame_tells_its_number_and_its_second_of_the_day() {
        let frame = r#"id: run_1.7
data: {"schema":"public_sse_v1","event_id":7,"server_timestamp":"2026-11-23T01:02:03.5Z","kind":"message.delta"}"#;
        assert_eq!(stamp_of(frame), Some((7, 3723.5)));
        assert_eq!(stamp_of(": heartbeat"), None);
    }
}
