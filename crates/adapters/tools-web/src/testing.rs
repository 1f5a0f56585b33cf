//! A caller, and the other side of a request.

use chancery_access::{Principal, Proof, Scopes, Subject};
use serde_json::{Map, Value};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use url::Url;

pub(crate) fn caller() -> Principal {
    Principal {
        tenant: "018f3f66-5f0b-7cc0-8000-000000000001".parse().unwrap(),
        subject: Subject::Person("018f3f66-5f0b-7cc0-8000-000000000002".parse().unwrap()),
        role: None,
        scopes: Scopes::default(),
        session: None,
        token: "018f3f66-5f0b-7cc0-8000-000000000003".parse().unwrap(),
        actors: Vec::new(),
        proof: Proof::Full,
    }
}

pub(crate) fn arguments(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// Answers one request with `answer` and gives what it was asked.
pub(crate) async fn serve_once(answer: &'static str) -> (Url, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the other side of a test's connection")]
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !is_whole(&asked) {
            let mut piece = [0; 4096];
            let length = stream.read(&mut piece).await.unwrap();
            asked.extend_from_slice(&piece[..length]);
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(asked).unwrap()
    });
    (url, asked)
}

fn is_whole(asked: &[u8]) -> bool {
    let text = String::from_utf8_lossy(asked).to_ascii_lowercase();
    text.ends_with('}') || (text.ends_with("\r\n\r\n") && !text.contains("content-length"))
}
