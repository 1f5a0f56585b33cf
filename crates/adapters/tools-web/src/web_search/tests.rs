//! Against a small server that speaks HTTP.

use chancery_access::{Principal, Proof, Scopes, Subject};
use chancery_tools::{Tool, ToolError};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use url::Url;

use super::WebSearch;

fn caller() -> Principal {
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

fn arguments(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// Answers one request with `answer` and gives what it was asked.
async fn serve_once(answer: &'static str) -> (Url, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the other side of a test's connection")]
    let asked = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"}") {
            let mut piece = [0; 4096];
            let length = stream.read(&mut piece).await.unwrap();
            asked.extend_from_slice(&piece[..length]);
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(asked).unwrap()
    });
    (url, asked)
}

fn tool(url: &Url) -> WebSearch {
    // An error means that a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    WebSearch::with_tavily("tvly-key".to_owned().into(), url).unwrap()
}

#[tokio::test]
async fn without_a_key_the_model_is_told_so() {
    let refused = WebSearch::not_configured()
        .call(&caller(), &arguments(json!({"query": "x"})))
        .await;
    assert!(matches!(refused, Err(ToolError::NotConfigured(_))));
}

#[tokio::test]
async fn results_come_back_as_text_and_the_number_asked_for_is_bounded() {
    let body = r#"{"answer":"Yes.","results":[{"title":"A","url":"https://a.example","content":"about a"}]}"#;
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let (url, asked) = serve_once(answer.leak()).await;
    let output = tool(&url)
        .call(&caller(), &arguments(json!({"query": "x", "max_results": 99})))
        .await
        .unwrap();
    assert_eq!(output.0, "Yes.\n\n1. A\nhttps://a.example\nabout a");
    let asked = asked.await.unwrap();
    assert!(
        asked.contains("\"max_results\":20") && asked.contains("authorization: Bearer tvly-key"),
        "{asked}"
    );
}

#[tokio::test]
async fn a_refusal_by_the_provider_is_told_without_its_words() {
    let (url, _asked) = serve_once("HTTP/1.1 401 Unauthorized\r\ncontent-length: 9\r\n\r\nbad key X").await;
    let refused = tool(&url)
        .call(&caller(), &arguments(json!({"query": "x"})))
        .await;
    assert_eq!(
        refused,
        Err(ToolError::Failed("the web search failed".to_owned()))
    );
}

#[tokio::test]
async fn arguments_that_do_not_fit_are_refused() {
    let refused = WebSearch::not_configured()
        .call(&caller(), &arguments(json!({"query": 7})))
        .await;
    assert!(matches!(refused, Err(ToolError::InvalidArguments(_))));
}
