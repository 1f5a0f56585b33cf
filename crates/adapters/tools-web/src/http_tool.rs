//! A tool that an operator declared as one HTTP request.

use async_trait::async_trait;
use chancery_access::Principal;
use chancery_tools::{HttpDeclaration, Method, Tool, ToolError, ToolOutput, ToolSpec};
use reqwest::{
    Client, Response,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use crate::guard::{ClientRefused, guarded_client};

/// What a model learns of an answer that is no success.
const LONGEST_EXCUSE: usize = 500;

/// A declared request. It carries the operator's headers and nothing of the caller's.
pub struct HttpTool {
    declaration: HttpDeclaration,
    headers: HeaderMap,
    client: Client,
}

impl HttpTool {
    /// The tool that was declared.
    ///
    /// # Errors
    /// [`ClientRefused`], also when the address is one that may not be asked.
    pub fn new(declaration: HttpDeclaration) -> Result<Self, ClientRefused> {
        let client = guarded_client(
            declaration.host().as_ref(),
            declaration.private_network,
            Some(declaration.timeout),
        )?;
        let mut headers = HeaderMap::new();
        for (name, value) in &declaration.headers {
            // Both were checked when the declaration was read.
            if let (Ok(name), Ok(mut value)) = (
                name.parse::<HeaderName>(),
                HeaderValue::from_str(value.expose_secret()),
            ) {
                value.set_sensitive(true);
                headers.insert(name, value);
            }
        }
        Ok(Self {
            declaration,
            headers,
            client,
        })
    }

    async fn ask(&self, arguments: &Map<String, Value>) -> Result<String, ToolError> {
        let (mut url, left) = self.declaration.address(arguments)?;
        let (method, has_body) = match self.declaration.method {
            Method::Get => (reqwest::Method::GET, false),
            Method::Delete => (reqwest::Method::DELETE, false),
            Method::Post => (reqwest::Method::POST, true),
            Method::Put => (reqwest::Method::PUT, true),
            Method::Patch => (reqwest::Method::PATCH, true),
        };
        if !has_body && !left.is_empty() {
            let mut query = url.query_pairs_mut();
            for (name, value) in &left {
                in_query(&mut query, name, value);
            }
        }
        let mut request = self.client.request(method, url).headers(self.headers.clone());
        if has_body {
            request = request.json(&left);
        }
        let answer = request.send().await.map_err(|error| self.failed(&error))?;
        let status = answer.status();
        if !is_text(&answer) {
            let name = &self.declaration.spec.name;
            return Err(ToolError::Failed(format!(
                "{name} answered with something that is no text"
            )));
        }
        let largest = self.declaration.largest_answer;
        let body = body_within(answer, largest).await;
        let body = body.map_err(|error| self.failed(&error))?;
        let Some(body) = body else {
            let why = format!("the answer has more than {largest} bytes");
            return Err(ToolError::Failed(why));
        };
        let text = String::from_utf8_lossy(&body).into_owned();
        if status.is_success() {
            Ok(text)
        } else {
            let excuse: String = text.chars().take(LONGEST_EXCUSE).collect();
            Err(ToolError::Failed(format!("it answered {status}: {excuse}")))
        }
    }

    /// The model learns that it failed; the log learns how. The address is left out: arguments stand in it.
    fn failed(&self, error: &reqwest::Error) -> ToolError {
        let name = &self.declaration.spec.name;
        let mut cause = std::error::Error::source(error);
        while let Some(deeper) = cause.and_then(std::error::Error::source) {
            cause = Some(deeper);
        }
        let cause = cause.map(ToString::to_string);
        tracing::warn!(
            tool = name,
            timeout = error.is_timeout(),
            cause,
            "a tool's request failed"
        );
        ToolError::Failed(if error.is_timeout() {
            format!("{name} did not answer in time")
        } else {
            format!("{name} could not be reached")
        })
    }
}

#[async_trait]
impl Tool for HttpTool {
    fn spec(&self) -> &ToolSpec {
        &self.declaration.spec
    }

    async fn call(&self, _: &Principal, arguments: &Map<String, Value>) -> Result<ToolOutput, ToolError> {
        self.ask(arguments).await.map(ToolOutput)
    }
}

type Query<'a> = url::form_urlencoded::Serializer<'a, url::UrlQuery<'a>>;

/// Texts as they are, lists one by one, nothing for null, what is nested as JSON.
fn in_query(query: &mut Query<'_>, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::String(text) => {
            query.append_pair(name, text);
        }
        Value::Array(items) => items.iter().for_each(|item| in_query(query, name, item)),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            query.append_pair(name, &value.to_string());
        }
    }
}

fn is_text(answer: &Response) -> bool {
    let Some(kind) = answer.headers().get(CONTENT_TYPE) else {
        return true;
    };
    let kind = kind.to_str().unwrap_or_default().to_ascii_lowercase();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.starts_with("text/")
        || [
            "json",
            "xml",
            "yaml",
            "x-www-form-urlencoded",
            "javascript",
            "x-ndjson",
        ]
        .iter()
        .any(|known| kind.ends_with(known))
}

/// The body; `None` when it has more than `largest` bytes.
pub(crate) async fn body_within(
    mut answer: Response,
    largest: usize,
) -> Result<Option<Vec<u8>>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        body.extend_from_slice(&piece);
        if body.len() > largest {
            return Ok(None);
        }
    }
    Ok(Some(body))
}

#[cfg(test)]
mod tests;
