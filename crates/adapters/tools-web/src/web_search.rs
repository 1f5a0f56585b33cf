//! The tool.

use async_trait::async_trait;
use chancery_access::Principal;
use chancery_tools::{CostClass, Tool, ToolError, ToolOutput, ToolSpec};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use crate::tavily::Tavily;

/// Searches the web, or says that nobody configured it.
pub struct WebSearch {
    spec: ToolSpec,
    tavily: Option<Tavily>,
}

impl WebSearch {
    /// The tool without a key.
    #[must_use]
    pub fn not_configured() -> Self {
        Self {
            spec: spec(),
            tavily: None,
        }
    }

    /// The tool with a key of Tavily's. `base_url` is where the API is, such as `https://api.tavily.com`.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn with_tavily(key: SecretString, base_url: &Url) -> Result<Self, reqwest::Error> {
        Ok(Self {
            spec: spec(),
            tavily: Some(Tavily::new(key, base_url)?),
        })
    }
}

/// What to search for, with the defaults and bounds of the published tool.
#[derive(Debug, Deserialize)]
pub(crate) struct SearchRequest {
    pub(crate) query: String,
    #[serde(default = "five")]
    pub(crate) max_results: u64,
    #[serde(default)]
    pub(crate) search_depth: Depth,
    #[serde(default = "yes")]
    pub(crate) include_answer: bool,
    #[serde(default)]
    pub(crate) topic: Topic,
}

#[derive(Debug, Default, Clone, Copy, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Depth {
    #[default]
    Basic,
    Advanced,
}

#[derive(Debug, Default, Clone, Copy, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Topic {
    #[default]
    General,
    News,
}

fn five() -> u64 {
    5
}

fn yes() -> bool {
    true
}

#[async_trait]
impl Tool for WebSearch {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, _: &Principal, arguments: &Map<String, Value>) -> Result<ToolOutput, ToolError> {
        let mut search: SearchRequest = serde_json::from_value(Value::Object(arguments.clone()))
            .map_err(|error| ToolError::InvalidArguments(error.to_string()))?;
        search.max_results = search.max_results.clamp(1, 20);
        match &self.tavily {
            None => Err(ToolError::NotConfigured(
                "web search is not configured on this server; TAVILY_API_KEY is not set".to_owned(),
            )),
            Some(tavily) => tavily.search(&search).await.map(ToolOutput),
        }
    }
}

fn spec() -> ToolSpec {
    let parameters = json!({
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "What to search for"},
            "max_results": {"type": "integer", "minimum": 1, "maximum": 20, "default": 5},
            "search_depth": {"type": "string", "enum": ["basic", "advanced"], "default": "basic"},
            "include_answer": {"type": "boolean", "default": true},
            "topic": {"type": "string", "enum": ["general", "news"], "default": "general"},
        },
        "required": ["query"],
        "additionalProperties": false,
    });
    let description = "Searches the web and gives titles, addresses and extracts of the best results.";
    ToolSpec {
        // Its provider counts searches.
        cost: CostClass::Metered,
        ..ToolSpec::built_in("web_search", description, "web_search", parameters)
    }
}

#[cfg(test)]
mod tests;
