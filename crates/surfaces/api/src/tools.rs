//! `/tools`: what hosted agents may call.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, get, web::Data};
use chancery_access::Scope;
use chancery_tools::{Tool, ToolKind};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    caller::Caller,
    problem::{Failure, Private},
    state::Api,
};

/// The tools there are, and who may call which.
#[derive(Serialize, ToSchema)]
struct ToolsAnswer {
    total_tools: usize,
    tool_names: Vec<String>,
    /// Each once.
    categories: Vec<String>,
    /// The tools of each agent's bundle.
    per_agent: BTreeMap<String, Vec<String>>,
    /// What is to be known of each.
    tools: Vec<ToolItem>,
}

/// One tool.
#[derive(Serialize, ToSchema)]
struct ToolItem {
    name: String,
    category: String,
    /// `function`, or `mcp` with its server's name.
    r#type: &'static str,
    server_label: Option<String>,
    /// `free`, `metered` or `expensive`.
    cost: &'static str,
    /// `always` when the person is asked before each call, whatever agent calls it.
    approval: &'static str,
    /// What the caller's token must allow.
    required_scope: Option<String>,
    /// Whether it can be called now: one of a server that was never reached cannot.
    available: bool,
}

impl From<&dyn Tool> for ToolItem {
    fn from(tool: &dyn Tool) -> Self {
        let spec = tool.spec();
        let (r#type, server_label) = match &spec.kind {
            ToolKind::Function => ("function", None),
            ToolKind::Mcp { server_label } => ("mcp", Some(server_label.to_string())),
            ToolKind::Agent { .. } => ("agent", None),
        };
        Self {
            name: spec.name.clone(),
            category: spec.category.clone(),
            r#type,
            server_label,
            cost: spec.cost.as_str(),
            approval: spec.approval.as_str(),
            required_scope: spec.scope.as_ref().map(ToString::to_string),
            available: tool.is_ready(),
        }
    }
}

/// Lists the tools.
#[utoipa::path(
    tag = "agents",
    responses(Private, (status = 200, description = "All of them", body = ToolsAnswer)),
    security(("bearer" = ["tools:read"])),
)]
#[get("/tools")]
pub(crate) async fn list_tools(api: Data<Api>, Caller(caller): Caller) -> Result<HttpResponse, Failure> {
    caller.require(Scope::TOOLS_READ)?;
    let tool_names: Vec<_> = api.tools.iter().map(|tool| tool.spec().name.clone()).collect();
    let mut categories: Vec<_> = api
        .tools
        .iter()
        .map(|tool| tool.spec().category.clone())
        .collect();
    categories.sort_unstable();
    categories.dedup();
    let per_agent = api
        .agents
        .iter()
        .map(|agent| (agent.name.clone(), agent.bundle.tools.clone()))
        .collect();
    Ok(HttpResponse::Ok().json(ToolsAnswer {
        total_tools: tool_names.len(),
        tool_names,
        categories,
        per_agent,
        tools: api.tools.iter().map(|tool| (&**tool).into()).collect(),
    }))
}
