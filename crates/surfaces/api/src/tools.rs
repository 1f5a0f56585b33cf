//! `/tools`: what hosted agents may call.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, get, web::Data};
use chancery_access::Scope;
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
    }))
}
