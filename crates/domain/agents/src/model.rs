//! The port to whatever generates text.

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A language model.
#[async_trait]
pub trait Model: Send + Sync {
    /// What `metadata.model_used` says for an agent that asks for `wanted`.
    fn name(&self, wanted: &str) -> String;

    /// Begins one model turn.
    ///
    /// MUST retry only before the first event. MUST end the stream with exactly one [`ModelEvent::Finished`], or with an
    /// error: a stream that merely stops is an error. MUST give up when its own deadlines pass.
    async fn begin(
        &self,
        request: ModelRequest,
    ) -> Result<BoxStream<'static, Result<ModelEvent, ModelError>>, ModelError>;
}

/// One model turn.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRequest {
    /// The model the agent asks for.
    pub model: String,
    /// What the agent is.
    pub instructions: String,
    /// The conversation so far, oldest first.
    pub input: Vec<ModelInput>,
    /// What may be called.
    pub tools: Vec<ModelTool>,
}

/// One item of the conversation, as a model sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelInput {
    /// What the person said.
    User(String),
    /// What an agent said.
    Assistant(String),
    /// A call that the model made in this run.
    ToolCall(ToolCall),
    /// What the call gave back.
    ToolResult {
        /// The call's id.
        call_id: String,
        /// Text for the model.
        output: String,
    },
}

/// A tool as a model sees it. Hand-offs are tools called `transfer_to_<agent>`.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelTool {
    /// Unique in the request.
    pub name: String,
    /// For the model.
    pub description: String,
    /// JSON Schema of the arguments object.
    pub parameters: Value,
}

/// A call that the model asks for. Not checked: the name may be unknown and the arguments may be no JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The model's id of the call.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments, as the model wrote them.
    pub arguments: String,
}

/// What a model sends while it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelEvent {
    /// A piece of the answer.
    TextDelta(String),
    /// A whole call.
    ToolCall(ToolCall),
    /// A piece of a refusal to answer.
    RefusalDelta(String),
    /// The turn is over.
    Finished(Usage),
}

/// What a run used. Zero where the model does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Of those read, from the provider's cache.
    pub cached_input_tokens: u64,
    /// Of those written, for reasoning.
    pub reasoning_output_tokens: u64,
    /// Model turns.
    pub requests: u64,
}

impl Usage {
    /// Adds another turn's use.
    pub fn add(&mut self, other: &Self) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cached_input_tokens = self.cached_input_tokens.saturating_add(other.cached_input_tokens);
        self.reasoning_output_tokens = self
            .reasoning_output_tokens
            .saturating_add(other.reasoning_output_tokens);
        self.requests = self.requests.saturating_add(other.requests);
    }
}

/// Why a model turn failed. Texts are for people and name no internal; the log has the source.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// It could not be reached, or refused for now.
    #[error("the model is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No answer in time.
    #[error("the model did not answer in time")]
    TimedOut,
    /// It asked to come back later.
    #[error("the model is overloaded")]
    RateLimited,
    /// It refused the request: key, name or content. Trying again does not help.
    #[error("the model refused the request")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The stream broke off, or was not what the protocol says.
    #[error("the model's answer broke off")]
    Broken(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ModelError {
    /// The stable code of the `error` event.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "model_unavailable",
            Self::TimedOut => "model_timeout",
            Self::RateLimited => "model_rate_limited",
            Self::Refused(_) => "model_refused",
            Self::Broken(_) => "model_stream_broken",
        }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}
