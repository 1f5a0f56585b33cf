#![doc = include_str!("../README.md")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    reason = "a harness of tests: whatever goes wrong fails the test, and real processes live in real time"
)]

mod database;
mod forge;
mod frames;
mod invariants;
mod mail;
mod operations;
mod person;
mod proxy;
mod redis;
mod server;
mod silence;

pub use database::TestDatabase;
pub use forge::{Forge, Forgery};
pub use frames::{Frame, Frames};
pub use invariants::Invariants;
pub use mail::PASSWORD;
pub use operations::Operation;
pub use person::{Person, SendForm, client};
pub use proxy::Proxy;
pub use redis::TestRedis;
pub use server::{OWNER_EMAIL, OWNER_PASSWORD, Server, Settings};
pub use silence::Silence;

/// `count` different words.
#[must_use]
pub fn words(count: usize) -> String {
    (1..=count)
        .map(|n| format!("word{n}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Asks again and again, for at most twenty seconds, until the answer is yes.
pub async fn eventually(what: &str, mut asked: impl AsyncFnMut() -> bool) {
    for _ in 0..200 {
        if asked().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("never: {what}");
}
