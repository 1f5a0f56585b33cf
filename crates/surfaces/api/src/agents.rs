//! `/agents`: the hosted agents.

use std::sync::Arc;

use actix_web::{
    HttpResponse, get,
    web::{Data, Path},
};
use chancery_access::{Principal, Scope};
use chancery_agents::HostedAgent;
use chancery_ambient::Timestamp;
use chancery_conversations::{ConversationsError, ListFilter};
use chancery_ids::Limit;
use chancery_tools::ToolCatalogue;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    caller::Caller,
    problem::{Failure, Named, Private},
    state::{Api, run},
};

/// The hosted agents.
#[derive(Serialize, ToSchema)]
struct AgentList {
    /// By name; all of them.
    items: Vec<AgentItem>,
    /// Always null.
    next_cursor: Option<String>,
    total: usize,
}

/// A hosted agent.
#[derive(Serialize, ToSchema)]
struct AgentItem {
    name: String,
    /// Always `active`.
    status: &'static str,
    display_name: String,
    description: String,
    /// The model it asks for.
    model: String,
    /// Answers have no schema.
    #[schema(value_type = Option<Object>)]
    output_schema: (),
    tooling: Tooling,
    /// Not kept.
    last_seen_at: Option<String>,
}

/// What an agent can do besides answering.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "that is how clients read it")]
struct Tooling {
    supports_code_interpreter: bool,
    supports_file_search: bool,
    supports_web_search: bool,
    supports_handoffs: bool,
}

impl AgentItem {
    fn of(agent: &HostedAgent, tools: &ToolCatalogue) -> Self {
        let categories = agent
            .bundle
            .tools
            .iter()
            .filter_map(|name| Some(tools.find(name)?.spec().category.as_str()));
        let categories: Vec<_> = categories.collect();
        Self {
            name: agent.name.clone(),
            status: "active",
            display_name: agent.display_name.clone(),
            description: agent.description.clone(),
            model: agent.model.clone(),
            output_schema: (),
            tooling: Tooling {
                supports_code_interpreter: categories.contains(&"code_interpreter"),
                supports_file_search: categories.contains(&"file_search"),
                supports_web_search: categories.contains(&"web_search"),
                supports_handoffs: !agent.handoffs.is_empty(),
            },
            last_seen_at: None,
        }
    }
}

/// How an agent is used by the caller.
#[derive(Serialize, ToSchema)]
struct AgentStatus {
    name: String,
    /// Always `active`.
    status: &'static str,
    /// When a conversation of the caller's that was addressed to it last changed.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used: Option<Timestamp>,
    /// How many conversations the caller addressed to it; from 100 on it stays 100.
    total_conversations: usize,
}

/// Lists the hosted agents.
#[utoipa::path(
    tag = "agents",
    responses(Private, (status = 200, description = "All of them", body = AgentList)),
    security(("bearer" = ["tools:read"])),
)]
#[get("/agents")]
pub(crate) async fn list_agents(api: Data<Api>, Caller(caller): Caller) -> Result<HttpResponse, Failure> {
    caller.require(Scope::TOOLS_READ)?;
    let items: Vec<_> = api
        .agents
        .iter()
        .map(|agent| AgentItem::of(agent, &api.tools))
        .collect();
    Ok(HttpResponse::Ok().json(AgentList {
        total: items.len(),
        items,
        next_cursor: None,
    }))
}

/// Shows how the caller uses an agent.
#[utoipa::path(
    tag = "agents",
    params(("agent_name" = String, Path, description = "The agent")),
    responses(Private, (status = 200, description = "Its use", body = AgentStatus), Named),
    security(("bearer" = ["tools:read"])),
)]
#[get("/agents/{agent_name}/status")]
pub(crate) async fn show_agent_status(
    api: Data<Api>,
    Caller(caller): Caller,
    name: Path<String>,
) -> Result<HttpResponse, Failure> {
    caller.require(Scope::TOOLS_READ)?;
    let name = name.into_inner();
    if api.agents.find(&name).is_none() {
        return Err(Failure::not_found(format!("Agent '{name}' not found")));
    }
    let changes = changes_with(&api, caller, name.clone()).await?;
    Ok(HttpResponse::Ok().json(AgentStatus {
        name,
        status: "active",
        last_used: changes.first().copied(),
        total_conversations: changes.len(),
    }))
}

/// When the caller's conversations with `agent` last changed, newest first. A caller who may not read conversations has none.
async fn changes_with(
    api: &Data<Api>,
    caller: Arc<Principal>,
    agent: String,
) -> Result<Vec<Timestamp>, Failure> {
    let filter = ListFilter { agent: Some(agent) };
    let listed = run(api, |api| async move {
        match api
            .conversations
            .list(&caller, &filter, None, Limit::LARGEST)
            .await
        {
            Ok(page) => Ok(page.items),
            Err(ConversationsError::Denied(_)) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    });
    Ok(listed
        .await?
        .into_iter()
        .map(|conversation| conversation.updated_at)
        .collect())
}
