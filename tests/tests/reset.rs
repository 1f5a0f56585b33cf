//! Clients that vanish in the middle of a statement.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "real processes live in real time")]

use std::{sync::mpsc, thread, time::Duration};

use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use serde_json::json;
use system_tests::{Person, Server, Settings};
use tokio::{io::AsyncWriteExt, net::TcpStream};

/// Holds SQLite's write lock from outside, so that every statement of the server that writes has to wait.
struct WriteLock {
    release: mpsc::Sender<()>,
    thread: thread::JoinHandle<()>,
}

impl WriteLock {
    fn take(settings: &Settings) -> Self {
        let path = settings.folder().join("data/chancery.db").display().to_string();
        let (release, released) = mpsc::channel();
        let (taken, wait) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut connection = SqliteConnection::establish(&path).unwrap();
            connection
                .batch_execute("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE")
                .unwrap();
            taken.send(()).unwrap();
            released.recv().unwrap();
            connection.batch_execute("ROLLBACK").unwrap();
        });
        wait.recv().unwrap();
        Self { release, thread }
    }

    fn release(self) {
        self.release.send(()).unwrap();
        self.thread.join().unwrap();
    }
}

/// Sends a turn and resets the connection (RST, not FIN) while the server works on it.
async fn post_and_reset(server: &Server, person: &Person, conversation: &str) {
    let address = server.url.strip_prefix("http://").unwrap();
    let body = json!({"message": "hello", "conversation_id": conversation}).to_string();
    let request = format!(
        "POST /api/v1/chat HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        person.access_token,
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    stream.set_zero_linger().unwrap();
    drop(stream);
}

/// The write that was held up happens when the lock is free, which may be a moment later.
async fn until_begun(person: &Person, conversation: &str) {
    for _ in 0..200 {
        let path = format!("/api/v1/conversations/{conversation}");
        if person
            .request(reqwest::Method::GET, &path)
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{conversation} was never begun");
}

#[tokio::test]
async fn a_hundred_clients_that_reset_in_mid_statement_lose_no_write_and_break_no_connection() {
    let settings = Settings::sqlite().with("CHAT_RATE_LIMIT_PER_MINUTE", "0");
    let server = settings.start().await;
    let person = server.log_in().await;
    let lock = WriteLock::take(&settings);
    let names: Vec<String> = (0..100).map(|n| format!("reset-{n}")).collect();
    futures::future::join_all(names.iter().map(|name| post_and_reset(&server, &person, name))).await;
    lock.release();

    // Each turn was accepted before its client vanished, so each is answered.
    for name in &names {
        until_begun(&person, name).await;
        let path = format!("/api/v1/conversations/{name}/ledger/stream");
        let replay = person.request(reqwest::Method::GET, &path).send().await.unwrap();
        system_tests::Frames::of(replay).rest().await;
        assert_eq!(person.history(name).await.len(), 2, "{name}");
    }
    // The pool is whole: the next turn works, and so does an orderly end.
    person.chat("afterwards", "still there?").await;
    server.stop().await;
    assert!(!settings.log().contains("panicked"), "{}", settings.log());
}
