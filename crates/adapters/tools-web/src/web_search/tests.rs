//! Against a small server that speaks HTTP.

use chancery_tools::{Tool, ToolError};
use serde_json::json;
use url::Url;

use super::WebSearch;
use crate::testing::{arguments, caller, serve_once};

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
