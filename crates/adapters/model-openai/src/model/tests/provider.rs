//! A provider that answers each connection as its script says, and keeps what it was sent.

use std::sync::{Arc, Mutex};

use chancery_ambient::{Tasks, TokioTasks};
use futures::FutureExt;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use url::Url;

/// The head of a streamed answer.
pub(super) const STREAM_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// What happens on one connection after its request was read.
pub(super) enum Reply {
    /// These bytes, then the connection is closed.
    Whole(Vec<u8>),
    /// A streamed answer of these events that ends as HTTP says it should.
    Stream(Vec<u8>),
    /// These bytes, then nothing for as long as the client stays.
    Silence(Vec<u8>),
}

/// A request as it came.
#[derive(Clone)]
pub(super) struct Received {
    /// Request line and headers.
    pub(super) head: String,
    pub(super) body: Value,
}

pub(super) struct Provider {
    port: u16,
    requests: Arc<Mutex<Vec<Received>>>,
}

impl Provider {
    /// Listens. One reply for each connection; after the last one it listens no more.
    pub(super) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let received = requests.clone();
        let replies: Vec<Reply> = replies.into_iter().collect();
        let serve = async move {
            for reply in replies {
                let (mut connection, _) = listener.accept().await.unwrap();
                let request = read(&mut connection).await;
                received.lock().unwrap().push(request);
                answer(connection, reply).await;
            }
        };
        TokioTasks::current().spawn(serve.boxed());
        Self { port, requests }
    }

    pub(super) fn url(&self) -> Url {
        format!("http://127.0.0.1:{}/v1", self.port).parse().unwrap()
    }

    pub(super) fn requests(&self) -> Vec<Received> {
        self.requests.lock().unwrap().clone()
    }
}

/// A chunk of HTTP's chunked coding.
pub(super) fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

async fn read(connection: &mut TcpStream) -> Received {
    let mut bytes = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let length = connection.read(&mut piece).await.unwrap();
        assert_ne!(length, 0, "the client left in the middle of its request");
        bytes.extend_from_slice(&piece[..length]);
        let text = String::from_utf8(bytes.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let wanted: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .unwrap()
            .parse()
            .unwrap();
        if body.len() == wanted {
            return Received {
                head: format!("{head}\r\n"),
                body: serde_json::from_str(body).unwrap(),
            };
        }
    }
}

async fn answer(mut connection: TcpStream, reply: Reply) {
    let (bytes, then_silence) = match reply {
        Reply::Whole(bytes) => (bytes, false),
        Reply::Stream(events) => ([STREAM_HEAD, &chunk(&events), &chunk(b"")].concat(), false),
        Reply::Silence(bytes) => (bytes, true),
    };
    connection.write_all(&bytes).await.unwrap();
    if then_silence {
        // Until the client gives up.
        let _ = connection.read(&mut [0]).await;
    }
}
