//! What a flood of wrong passwords does to everybody else.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::auth::scene::{Refreshing, text};
use super::client::{Answer, Connection, Same, Side};
use super::server::{Server, get, post};
use super::{Programs, table};
use crate::Outcome;
use crate::services::Services;

/// How both are measured.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often both are measured, without the flood and with it
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds a measurement
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Wrong logins a second, each of another person and from another network
    #[arg(long, default_value_t = 500)]
    wrong_logins: u32,
}

/// Between two requests of those who are measured.
const PACE: Duration = Duration::from_millis(10);
/// How many connections the flood comes over.
const FLOOD_CONNECTIONS: u32 = 25;

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let binary = Programs::server()?;
    let services = Services::start()?;
    let folder = tempfile::Builder::new().prefix("chancery-bench-").tempdir()?;
    let settings = [("TRUSTED_PROXIES", "127.0.0.0/8")];
    let server = Server::start(&binary, services.postgres_url(), folder.path(), &settings)?;
    let (verifier, refresher) = (server.log_in()?, server.log_in()?);
    let mut sides: [(&str, Box<dyn Side>); 2] = [
        (
            "verify",
            Box::new(Same(get(
                "/api/v1/auth/me",
                Some(text(&verifier, "access_token")?),
            ))),
        ),
        ("refresh", Box::new(Refreshing::of(&refresher))),
    ];
    let time = Duration::from_secs(arguments.seconds);
    let mut ratios = [Vec::new(), Vec::new()];
    println!(
        "{:<10} {:>16} {:>16} {:>8}",
        "ms", "p99 alone", "p99 in the flood", "ratio"
    );
    for _ in 0..arguments.rounds {
        let alone = paced(server.address, &mut sides, time)?;
        let flood = Flood::default();
        let flooded = thread::scope(|scope| {
            let threads: Vec<_> = (0..FLOOD_CONNECTIONS)
                .map(|_| {
                    scope.spawn(|| {
                        flood
                            .pour(server.address, arguments.wrong_logins)
                            .map_err(|e| e.to_string())
                    })
                })
                .collect();
            let flooded = paced(server.address, &mut sides, time);
            flood.over.store(true, Ordering::Relaxed);
            for thread in threads {
                thread.join().map_err(|_| "the flood gave up")??;
            }
            flooded
        })?;
        for (((name, _), ratios), (alone, flooded)) in
            sides.iter().zip(&mut ratios).zip(alone.iter().zip(&flooded))
        {
            let ratio = flooded / alone;
            println!("{name:<10} {alone:>16.2} {flooded:>16.2} {ratio:>8.2}");
            ratios.push(ratio);
        }
        println!("{}", flood.told(time));
    }
    for ((name, _), ratios) in sides.iter().zip(&ratios) {
        let ratio = table::median(ratios);
        println!(
            "{name}: p99 in the flood is {ratio:.2} of p99 alone (must: 1.20 at most){}",
            if ratio > 1.2 { " above" } else { "" }
        );
    }
    Ok(())
}

/// Lets each side ask at the pace, and answers the 99th percentile of each, in milliseconds from when it was to ask.
fn paced(address: SocketAddr, sides: &mut [(&str, Box<dyn Side>)], time: Duration) -> Outcome<Vec<f64>> {
    thread::scope(|scope| {
        let asking: Vec<_> = sides
            .iter_mut()
            .map(|(_, side)| {
                scope.spawn(move || ask_at_the_pace(address, side.as_mut(), time).map_err(|e| e.to_string()))
            })
            .collect();
        let joined = asking
            .into_iter()
            .map(|side| side.join().map_err(|_| "a client gave up".to_owned())?);
        Ok(joined.collect::<Result<_, String>>()?)
    })
}

fn ask_at_the_pace(address: SocketAddr, side: &mut dyn Side, time: Duration) -> Outcome<f64> {
    let mut connection = Connection::open(address)?;
    let mut waits = Vec::new();
    let began = Instant::now();
    let mut due = Duration::ZERO;
    while due < time {
        thread::sleep(due.saturating_sub(began.elapsed()));
        let answer = connection.ask(side.request())?;
        side.take(&answer)?;
        waits.push(began.elapsed().saturating_sub(due).as_secs_f64() * 1000.0);
        due += PACE;
    }
    waits.sort_by(f64::total_cmp);
    Ok(waits.get(waits.len() * 99 / 100).copied().unwrap_or(f64::NAN))
}

/// Wrong passwords by nobody we know.
#[derive(Default)]
struct Flood {
    sent: AtomicU32,
    over: AtomicBool,
    statuses: Mutex<std::collections::BTreeMap<u16, u32>>,
}

impl Flood {
    /// One connection's share of so many a second.
    fn pour(&self, address: SocketAddr, a_second: u32) -> Outcome {
        let mut connection = Connection::open(address)?;
        let (began, pace) = (
            Instant::now(),
            Duration::from_secs(1) * FLOOD_CONNECTIONS / a_second,
        );
        let mut due = Duration::ZERO;
        while !self.over.load(Ordering::Relaxed) {
            thread::sleep(due.saturating_sub(began.elapsed()));
            due += pace;
            let number = self.sent.fetch_add(1, Ordering::Relaxed);
            let [_, a, b, c] = number.to_be_bytes();
            let body =
                json!({"email": format!("nobody-{number}@example.org"), "password": "Wrong-horse-battery-9"});
            let network = format!("x-forwarded-for: {}.{b}.{c}.1\r\n", 100 + u32::from(a));
            let request = post(
                "/api/v1/auth/token",
                "application/json",
                &network,
                &body.to_string(),
            );
            let Answer { status, .. } = connection.ask(&request)?;
            *self
                .statuses
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .entry(status)
                .or_default() += 1;
        }
        Ok(())
    }

    fn told(&self, time: Duration) -> String {
        let sent = self.sent.load(Ordering::Relaxed);
        let statuses = self
            .statuses
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        format!(
            "{:.0} wrong logins a second; answers by status: {statuses:?}",
            f64::from(sent) / time.as_secs_f64()
        )
    }
}
