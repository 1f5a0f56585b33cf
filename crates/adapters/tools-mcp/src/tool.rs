//! One tool of a server.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use async_trait::async_trait;
use chancery_access::Principal;
use chancery_ambient::Clock;
use chancery_tools::{McpDeclaration, Tool, ToolError, ToolOutput, ToolSpec};
use reqwest::Client;
use rmcp::model::{CallToolRequestParams, CallToolResponse, Tool as Offered};
use serde_json::{Map, Value};

use crate::{
    answer::{failure_of, text_of},
    connection::{Connection, NotReached, Session},
};

/// What a tool may say of itself, in bytes of its description and its parameters.
const LARGEST_SPEC: usize = 64 * 1024;

/// The tools that `declaration` takes from a server, over one connection. `client` is for a server that is reached over HTTP.
#[must_use]
pub fn mcp_tools(
    declaration: McpDeclaration,
    client: Option<Client>,
    clock: Arc<dyn Clock>,
) -> Vec<Arc<dyn Tool>> {
    let taken = declaration.tools.iter().map(|tool| {
        Arc::new(Taken {
            remote_name: tool.remote_name.clone(),
            declared: tool.spec.clone(),
            told: OnceLock::new(),
            trouble: Mutex::new(None),
        })
    });
    let server = Arc::new(Server {
        taken: taken.collect(),
        connection: Connection::new(declaration, client, clock),
    });
    let tool = |taken: &Arc<Taken>| -> Arc<dyn Tool> {
        Arc::new(McpTool {
            server: server.clone(),
            taken: taken.clone(),
        })
    };
    server.taken.iter().map(tool).collect()
}

struct Server {
    connection: Connection,
    taken: Vec<Arc<Taken>>,
}

/// A tool that was declared, and what its server says of it.
struct Taken {
    remote_name: String,
    declared: ToolSpec,
    /// As the server told it first. It never changes while this process lives.
    told: OnceLock<ToolSpec>,
    /// Why it cannot be called over the session there is now.
    trouble: Mutex<Option<&'static str>>,
}

impl Server {
    async fn session(&self) -> Result<Arc<Session>, NotReached> {
        self.connection
            .session(|offered| {
                for taken in &self.taken {
                    let trouble = taken.learn(offered);
                    if let Some(trouble) = trouble {
                        let label = &self.connection.declaration.label;
                        tracing::warn!(server = label, tool = taken.remote_name, "{trouble}");
                    }
                    *taken.trouble() = trouble;
                }
            })
            .await
    }
}

impl Taken {
    fn trouble(&self) -> MutexGuard<'_, Option<&'static str>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_ready(&self) -> bool {
        self.told.get().is_some() && self.trouble().is_none()
    }

    /// Compares what a server offers with what it offered before.
    fn learn(&self, offered: &[Offered]) -> Option<&'static str> {
        let Some(offered) = offered.iter().find(|one| one.name == self.remote_name) else {
            return Some("its server has no such tool");
        };
        let parameters = Value::Object((*offered.input_schema).clone());
        if parameters.get("type") != Some(&Value::from("object")) {
            return Some("its parameters are no JSON Schema of an object");
        }
        let description = offered.description.as_deref().unwrap_or_default();
        if description.len() + parameters.to_string().len() > LARGEST_SPEC {
            return Some("it says more of itself than it may");
        }
        let mut told = self.declared.clone();
        if !description.is_empty() {
            description.clone_into(&mut told.description);
        }
        told.parameters = parameters;
        // A description is a prompt: one that changes behind the operator's back is how a tool turns on its users.
        (self.told.get_or_init(|| told.clone()) != &told)
            .then_some("its server describes it otherwise than when this process began")
    }
}

struct McpTool {
    server: Arc<Server>,
    taken: Arc<Taken>,
}

#[async_trait]
impl Tool for McpTool {
    fn spec(&self) -> &ToolSpec {
        self.taken.told.get().unwrap_or(&self.taken.declared)
    }

    fn is_ready(&self) -> bool {
        self.taken.is_ready()
    }

    async fn prepare(&self) -> Result<(), String> {
        let label = &self.server.connection.declaration.label;
        let session = self.server.session().await;
        session.map_err(|error| format!("the MCP server {label} was not reached: {error}"))?;
        match *self.taken.trouble() {
            Some(trouble) => Err(format!(
                "{} of the MCP server {label}: {trouble}",
                self.spec().name
            )),
            None => Ok(()),
        }
    }

    async fn call(&self, _: &Principal, arguments: &Map<String, Value>) -> Result<ToolOutput, ToolError> {
        let label = &self.server.connection.declaration.label;
        let session = self.server.session().await.map_err(|error| {
            tracing::warn!(server = label, "an MCP server was not reached: {error}");
            ToolError::Failed(format!("the server {label} could not be reached"))
        })?;
        let taken = &self.taken;
        if !taken.is_ready() {
            let why = format!("the server {label} does not offer this tool as it was");
            return Err(ToolError::Failed(why));
        }
        let call = CallToolRequestParams::new(taken.remote_name.clone()).with_arguments(arguments.clone());
        // Dropped, it tells the server that nobody waits any more.
        match session.call_tool_once(call).await {
            Ok(CallToolResponse::Complete(answer)) => text_of(answer).map(ToolOutput),
            Ok(_) => Err(ToolError::Failed(
                "the tool wants to be told more, or later; neither can be done here".to_owned(),
            )),
            Err(error) => {
                tracing::warn!(server = label, tool = taken.remote_name, "a call failed: {error}");
                let (told, lost) = failure_of(&error);
                if lost {
                    self.server.connection.forget(&session).await;
                }
                Err(told)
            }
        }
    }
}
