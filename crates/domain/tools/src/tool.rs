//! A tool that a hosted agent may call.

use std::time::Duration;

use async_trait::async_trait;
use chancery_access::{Principal, Scope};
use serde_json::{Map, Value};

/// Something a hosted agent can do besides answering. Code that runs with the caller's authority.
#[async_trait]
pub trait Tool: Send + Sync {
    /// What models and people see of it.
    fn spec(&self) -> &ToolSpec;

    /// Does it, for `caller`. The arguments fit the schema's required members and types.
    ///
    /// The call may be dropped at any point, when the run is stopped or the time is over: what must not be dropped half-way,
    /// such as a statement in a store, is run through `chancery_ambient::run_on`.
    async fn call(&self, caller: &Principal, arguments: &Map<String, Value>)
    -> Result<ToolOutput, ToolError>;
}

/// What models and people see of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// Unique among tools; `[a-z0-9_]{1,64}`.
    pub name: String,
    /// One or two sentences for the model.
    pub description: String,
    /// The group that lists show it under, such as `utility`.
    pub category: String,
    /// JSON Schema of the arguments object.
    pub parameters: Value,
    /// What the caller's token must allow, besides what the bundle asks.
    pub scope: Option<Scope>,
}

/// What a call gave back: text for the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolOutput(pub String);

/// Limits of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolLimits {
    /// How long it may take.
    pub time: Duration,
    /// Size of the arguments as JSON, in bytes.
    pub argument_bytes: usize,
    /// Size of the output, in bytes; longer output is cut and says so.
    pub output_bytes: usize,
}

impl Default for ToolLimits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(30),
            argument_bytes: 16 * 1024,
            output_bytes: 64 * 1024,
        }
    }
}

/// Why a call gave nothing. The text of each goes to the model, so none names an internal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    /// The arguments do not fit.
    #[error("invalid arguments: {0}")]
    InvalidArguments(String),
    /// The tool is there but not set up.
    #[error("{0}")]
    NotConfigured(String),
    /// It tried and could not.
    #[error("{0}")]
    Failed(String),
}
