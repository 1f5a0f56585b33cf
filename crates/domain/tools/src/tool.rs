//! A tool that a hosted agent may call.

use std::time::Duration;

use async_trait::async_trait;
use chancery_access::{Principal, Scope};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Something a hosted agent can do besides answering. Code that runs with the caller's authority.
#[async_trait]
pub trait Tool: Send + Sync {
    /// What models and people see of it.
    fn spec(&self) -> &ToolSpec;

    /// Whether it can be offered to a model now. A tool of a server that was never reached is not: what it takes is not known.
    fn is_ready(&self) -> bool {
        true
    }

    /// Tries to get ready. Called at start and now and then while [`Tool::is_ready`] says no. Has a deadline of its own; the
    /// error says what is wrong, for the operator.
    async fn prepare(&self) -> Result<(), String> {
        Ok(())
    }

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
    /// What a call costs the operator.
    pub cost: CostClass,
    /// Whether the person is asked before it is called, whatever agent calls it.
    pub approval: ApprovalPolicy,
    /// Where its code is.
    pub kind: ToolKind,
}

impl ToolSpec {
    /// A tool in this program that costs nothing, asks for no scope and asks nobody first.
    #[must_use]
    pub fn built_in(name: &str, description: &str, category: &str, parameters: Value) -> Self {
        Self {
            name: name.to_owned(),
            description: description.to_owned(),
            category: category.to_owned(),
            parameters,
            scope: None,
            cost: CostClass::Free,
            approval: ApprovalPolicy::Never,
            kind: ToolKind::Function,
        }
    }
}

/// What a call costs the operator, in classes of their choosing; a bundle may exclude what costs more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CostClass {
    /// Nothing worth counting.
    Free,
    /// A little for each call.
    Metered,
    /// So much that few agents should have it.
    Expensive,
}

impl CostClass {
    /// Every class, the cheapest first.
    pub const ALL: [Self; 3] = [Self::Free, Self::Metered, Self::Expensive];

    /// The name in files and lists.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Metered => "metered",
            Self::Expensive => "expensive",
        }
    }
}

/// Whether a person is asked before a tool is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalPolicy {
    /// Only where an agent's bundle says so.
    Never,
    /// Before every call.
    Always,
}

impl ApprovalPolicy {
    /// The name in files and lists.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Always => "always",
        }
    }
}

/// Where a tool's code is. Stored with the events of its calls.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToolKind {
    /// In this program, or behind one HTTP request of it.
    #[default]
    Function,
    /// A server of the Model Context Protocol.
    Mcp {
        /// What the operator calls the server.
        server_label: Box<str>,
    },
    /// A hosted agent that answers another one.
    Agent {
        /// Its name.
        agent: Box<str>,
    },
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
