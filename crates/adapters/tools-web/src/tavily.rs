//! Tavily's search API.

use std::{fmt::Write, time::Duration};

use chancery_tools::ToolError;
use reqwest::{Client, redirect::Policy};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::{http_tool::body_within, web_search::SearchRequest};

const LIMIT: Duration = Duration::from_secs(25);
const LARGEST_ANSWER: usize = 1024 * 1024;
const EXTRACT_CHARS: usize = 1000;

pub(crate) struct Tavily {
    client: Client,
    key: SecretString,
    endpoint: String,
}

#[derive(Deserialize)]
struct Found {
    answer: Option<String>,
    #[serde(default)]
    results: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    title: String,
    url: String,
    #[serde(default)]
    content: String,
}

impl Tavily {
    pub(crate) fn new(key: SecretString, base_url: &Url) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .timeout(LIMIT)
            .redirect(Policy::none())
            .build()?;
        Ok(Self {
            client,
            key,
            endpoint: format!("{}/search", base_url.as_str().trim_end_matches('/')),
        })
    }

    pub(crate) async fn search(&self, search: &SearchRequest) -> Result<String, ToolError> {
        let body = json!({
            "query": search.query,
            "max_results": search.max_results,
            "search_depth": search.search_depth,
            "include_answer": search.include_answer,
            "topic": search.topic,
        });
        let request = self
            .client
            .post(&self.endpoint)
            .bearer_auth(self.key.expose_secret())
            .json(&body);
        let answer = request.send().await.map_err(|error| failed(&error))?;
        let answer = answer.error_for_status().map_err(|error| failed(&error))?;
        let body = body_within(answer, LARGEST_ANSWER).await;
        let body = body.map_err(|error| failed(&error))?;
        let body =
            body.ok_or_else(|| ToolError::Failed("the web search gave more than it may".to_owned()))?;
        render(&body)
    }
}

fn render(body: &[u8]) -> Result<String, ToolError> {
    let found: Found = serde_json::from_slice(body)
        .map_err(|_| ToolError::Failed("the web search gave an answer that makes no sense".to_owned()))?;
    let mut text = found.answer.unwrap_or_default();
    for (place, hit) in found.results.iter().enumerate() {
        let extract: String = hit.content.chars().take(EXTRACT_CHARS).collect();
        // Writing into a String cannot fail.
        let _ = write!(text, "\n\n{}. {}\n{}\n{extract}", place + 1, hit.title, hit.url);
    }
    if text.is_empty() {
        return Ok("nothing was found".to_owned());
    }
    Ok(text.trim_start().to_owned())
}

/// The model learns that it failed; the log learns how. The address of the request is left out: nobody needs it twice.
fn failed(error: &reqwest::Error) -> ToolError {
    tracing::warn!(
        status = error.status().map(|status| status.as_u16()),
        timeout = error.is_timeout(),
        "web search failed"
    );
    ToolError::Failed("the web search failed".to_owned())
}
