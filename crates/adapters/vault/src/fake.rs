//! A server that does what no Vault can be made to do: says nothing, says nonsense, loses the answer of a write.

use std::sync::{Arc, Mutex};

use chancery_ambient::{Clock, ManualClock, Tasks, Timestamp, TokioTasks};
use futures::FutureExt;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{VaultClient, VaultSettings};

/// The token of every client here.
pub(crate) const TOKEN: &str = "s.the-token-itself";

/// What happens after a request was read.
pub(crate) enum Reply {
    /// This status with this body.
    Json(u16, Value),
    /// These bytes, and the connection is closed.
    Bytes(Vec<u8>),
    /// The connection is closed.
    Closed,
    /// These bytes, then nothing for as long as the client stays.
    Silence(&'static [u8]),
}

/// A request as it came.
#[derive(Clone)]
pub(crate) struct Received {
    /// Method and path with query, such as `GET /v1/sys/health`.
    pub(crate) line: String,
    /// In lower case, a line each.
    pub(crate) headers: String,
    pub(crate) body: Value,
}

pub(crate) struct FakeVault {
    port: u16,
    received: Arc<Mutex<Vec<Received>>>,
}

impl FakeVault {
    /// Answers each request, on a connection of its own, with what `answer` says.
    pub(crate) async fn start(answer: impl FnMut(&Received) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let (log, answer) = (received.clone(), Arc::new(Mutex::new(answer)));
        let serve = async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                let (log, answer) = (log.clone(), answer.clone());
                let exchange = async move {
                    let Some(request) = read(&mut connection).await else {
                        return;
                    };
                    let reply = answer.lock().unwrap()(&request);
                    log.lock().unwrap().push(request);
                    write(connection, reply).await;
                };
                TokioTasks::current().spawn(exchange.boxed());
            }
        };
        TokioTasks::current().spawn(serve.boxed());
        Self { port, received }
    }

    /// A client of it.
    pub(crate) fn client(&self, clock: Arc<dyn Clock>) -> Arc<VaultClient> {
        client_at(self.port, clock)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The lines of what came.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.received().into_iter().map(|request| request.line).collect()
    }
}

/// A client of whoever listens there.
pub(crate) fn client_at(port: u16, clock: Arc<dyn Clock>) -> Arc<VaultClient> {
    // Another test of this process may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = VaultSettings {
        address: format!("http://127.0.0.1:{port}").parse().unwrap(),
        token: TOKEN.into(),
        namespace: None,
    };
    Arc::new(VaultClient::new(settings, clock).unwrap())
}

/// A clock that stands still.
pub(crate) fn still() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::EPOCH))
}

/// Lets everything else run until `holds`.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        tokio::task::yield_now().await;
    }
}

async fn read(connection: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let length = connection
            .read(&mut piece)
            .await
            .ok()
            .filter(|length| *length > 0)?;
        bytes.extend_from_slice(&piece[..length]);
        let text = String::from_utf8(bytes.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let (line, headers) = head.split_once("\r\n").unwrap();
        let headers = headers.to_ascii_lowercase();
        let wanted = headers
            .lines()
            .find_map(|header| header.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        if body.len() == wanted {
            return Some(Received {
                line: line.trim_end_matches(" HTTP/1.1").to_owned(),
                headers,
                body: serde_json::from_str(body).unwrap_or_default(),
            });
        }
    }
}

async fn write(mut connection: TcpStream, reply: Reply) {
    let bytes = match reply {
        Reply::Json(status, body) => {
            let body = body.to_string();
            let length = body.len();
            format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
                .into_bytes()
        }
        Reply::Bytes(bytes) => bytes,
        Reply::Closed => return,
        Reply::Silence(bytes) => {
            connection.write_all(bytes).await.unwrap();
            // Until the client gives up.
            let _ = connection.read(&mut [0]).await;
            return;
        }
    };
    // A client that had enough has left.
    let _ = connection.write_all(&bytes).await;
    let _ = connection.shutdown().await;
}
