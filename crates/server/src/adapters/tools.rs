//! What hosted agents may call: tools of this program, and those that an operator declares.

use std::sync::Arc;

use chancery_agents::SearchConversations;
use chancery_ambient::{Ambient, Clock, Fault, TokioTasks};
use chancery_store_sql::SqlConversations;
use chancery_tools::{Declaration, GetCurrentTime, McpTransport, Tool, ToolCatalogue};
use chancery_tools_mcp::mcp_tools;
use chancery_tools_web::{HttpTool, WebSearch, guarded_client};
use futures::future::join_all;

use super::Failure;
use crate::{catalog, config::Config};

/// Every tool, under names that are used once.
pub(super) fn tools(
    config: &Config,
    threads: Arc<SqlConversations>,
    tasks: &TokioTasks,
    ambient: &Ambient,
) -> Result<ToolCatalogue, Failure> {
    let mut tools: Vec<Arc<dyn Tool>> = vec![
        Arc::new(GetCurrentTime::new(ambient.clock.clone())),
        Arc::new(SearchConversations::new(threads, Arc::new(tasks.clone()))),
        Arc::new(web_search(config)?),
    ];
    let names: Vec<_> = tools.iter().map(|tool| tool.spec().name.clone()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    tools.extend(declared_tools(config, &names, &ambient.clock)?);
    Ok(ToolCatalogue::new(tools)?)
}

/// The tools of `TOOL_CATALOG_DIR`. Nothing is asked of their servers yet.
pub(crate) fn declared_tools(
    config: &Config,
    reserved: &[&str],
    clock: &Arc<dyn Clock>,
) -> Result<Vec<Arc<dyn Tool>>, Failure> {
    let Some(files) = &config.model.tools else {
        return Ok(Vec::new());
    };
    let mut tools: Vec<Arc<dyn Tool>> = Vec::new();
    for declaration in catalog::tools(files, reserved)? {
        match declaration {
            Declaration::Http(http) => {
                let name = http.spec.name.clone();
                let tool = HttpTool::new(*http).map_err(|error| format!("the tool {name}: {error}"))?;
                tools.push(Arc::new(tool));
            }
            Declaration::Mcp(mcp) => {
                let client = match &mcp.transport {
                    McpTransport::Stdio { .. } => None,
                    McpTransport::Http {
                        url, private_network, ..
                    } => {
                        let host = url.host().map(|host| host.to_owned());
                        let client = guarded_client(host.as_ref(), *private_network, None);
                        Some(client.map_err(|error| format!("the MCP server {}: {error}", mcp.label))?)
                    }
                };
                tools.extend(mcp_tools(mcp, client, clock.clone()));
            }
        }
    }
    Ok(tools)
}

/// Lets every tool that is not ready try to be. One that cannot is not offered, and is tried again later: the server of a tool
/// is no reason not to serve.
///
/// # Errors
/// What keeps each of those that are still not ready.
pub(crate) async fn prepare(tools: &ToolCatalogue) -> Result<(), Fault> {
    let waiting = tools.iter().filter(|tool| !tool.is_ready());
    let preparing = waiting.map(|tool| async move {
        let prepared = tool.prepare().await;
        if prepared.is_ok() {
            tracing::info!(tool = tool.spec().name, "the tool can be called");
        }
        prepared.err()
    });
    let mut troubles: Vec<_> = join_all(preparing).await.into_iter().flatten().collect();
    // Tools of one server have one trouble.
    troubles.dedup();
    if troubles.is_empty() {
        return Ok(());
    }
    Err(Fault::unavailable(troubles.join("; ")))
}

fn web_search(config: &Config) -> Result<WebSearch, Failure> {
    let model = &config.model;
    let Some(key) = &model.tavily_key else {
        return Ok(WebSearch::not_configured());
    };
    let address = match &model.tavily_url {
        Some(address) => address.clone(),
        None => "https://api.tavily.com".parse()?,
    };
    Ok(WebSearch::with_tavily(key.clone(), &address)?)
}
