//! A server of the Model Context Protocol, and those of its tools that agents may have.

use std::{collections::BTreeMap, time::Duration};

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use toml::Spanned;
use url::Url;

use super::page::{Page, Variables, Written};
use crate::{ApprovalPolicy, CostClass, ToolKind, ToolSpec};

/// A server, how it is reached, and what is taken from it.
#[derive(Debug, Clone)]
pub struct McpDeclaration {
    /// What the operator calls it.
    pub label: String,
    /// How it is reached.
    pub transport: McpTransport,
    /// Until it has answered `initialize` and `tools/list`.
    pub connect_timeout: Duration,
    /// What agents may have. What else it offers is not there.
    pub tools: Vec<McpTool>,
}

/// How a server is reached.
#[derive(Debug, Clone)]
pub enum McpTransport {
    /// A child process that speaks on its standard input and output.
    Stdio {
        /// The program.
        program: String,
        /// What it is called with.
        arguments: Vec<String>,
        /// Its whole environment: what the file gives it, and `PATH` and `HOME` of this process. It learns nothing else.
        variables: BTreeMap<String, SecretString>,
    },
    /// Streamable HTTP.
    Http {
        /// The endpoint.
        url: Url,
        /// Headers of every request.
        headers: BTreeMap<String, SecretString>,
        /// Whether it may be on a private network.
        private_network: bool,
    },
}

/// One tool of a server.
#[derive(Debug, Clone, PartialEq)]
pub struct McpTool {
    /// What the server calls it.
    pub remote_name: String,
    /// What models see of it. Description and parameters are the server's, once it was reached.
    pub spec: ToolSpec,
}

/// What a child process needs to find its interpreter and its home.
const INHERITED: [&str; 2] = ["PATH", "HOME"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct McpFile {
    #[serde(rename = "kind")]
    _kind: String,
    name: Spanned<String>,
    category: Spanned<String>,
    cost: Option<CostClass>,
    approval: Option<ApprovalPolicy>,
    scope: Option<Spanned<String>>,
    transport: Spanned<Transport>,
    command: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    env: Written,
    url: Option<Spanned<String>>,
    #[serde(default)]
    headers: Written,
    #[serde(default)]
    private_network: bool,
    connect_timeout_seconds: Option<Spanned<u64>>,
    tools: Spanned<Vec<ToolOfServer>>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Transport {
    Stdio,
    StreamableHttp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ToolOfServer {
    name: Spanned<String>,
    #[serde(rename = "as")]
    local_name: Option<Spanned<String>>,
    cost: Option<CostClass>,
    approval: Option<ApprovalPolicy>,
    scope: Option<Spanned<String>>,
}

pub(super) fn read(page: &mut Page<'_>, variables: Variables<'_>) -> Option<McpDeclaration> {
    let file: McpFile = page.parse()?;
    let label = page.name("name", &file.name, 32);
    let category = page.name("category", &file.category, 64);
    if file.tools.get_ref().is_empty() {
        let remedy = "add a [[tools]] for each that agents may have";
        page.fault(file.tools.span(), "tools", "is empty", remedy);
    }
    let of_server = |page: &mut Page<'_>, tool: &ToolOfServer| {
        let local = match &tool.local_name {
            Some(written) => page.name("tools.as", written, 64),
            None => local_name(page, &label, &tool.name),
        };
        McpTool {
            remote_name: page.line("tools.name", &tool.name),
            spec: ToolSpec {
                name: local,
                description: format!("{} of {label}", tool.name.get_ref()),
                category: category.clone(),
                parameters: json!({"type": "object"}),
                scope: page.scope(tool.scope.as_ref().or(file.scope.as_ref())),
                cost: tool.cost.or(file.cost).unwrap_or(CostClass::Free),
                // Others' code on others' word: a person is asked unless the operator says otherwise.
                approval: tool.approval.or(file.approval).unwrap_or(ApprovalPolicy::Always),
                kind: ToolKind::Mcp {
                    server_label: label.as_str().into(),
                },
            },
        }
    };
    let tools = file.tools.get_ref().iter();
    let tools = tools.map(|tool| of_server(page, tool)).collect();
    let seconds = file.connect_timeout_seconds.as_ref().map_or(10, |written| {
        page.number("connect_timeout_seconds", written, 1..61)
    });
    let transport = transport(page, &file, variables)?;
    Some(McpDeclaration {
        label,
        transport,
        connect_timeout: Duration::from_secs(seconds),
        tools,
    })
}

/// The server's name of a tool, with the server's label before it, in the characters that models allow.
fn local_name(page: &mut Page<'_>, label: &str, written: &Spanned<String>) -> String {
    let allowed = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_alphanumeric() => c,
        _ => '_',
    };
    let name: String = written.get_ref().chars().map(allowed).collect();
    let name = format!("{label}_{name}");
    if name.len() > 64 {
        let problem = format!("{name} is longer than models allow");
        page.fault(
            written.span(),
            "tools.name",
            problem,
            "give it a shorter one with `as`",
        );
    }
    name
}

fn transport(page: &mut Page<'_>, file: &McpFile, variables: Variables<'_>) -> Option<McpTransport> {
    match file.transport.get_ref() {
        Transport::Stdio => {
            let stray = file.url.as_ref().map(Spanned::span);
            if let Some(span) = stray.or_else(|| file.headers.values().next().map(Spanned::span)) {
                let remedy = "remove it, or use transport = \"streamable_http\"";
                page.fault(span, "url", "belongs to streamable_http", remedy);
            }
            let mut words = file.command.iter().flat_map(|command| command.get_ref().clone());
            let Some(program) = words.next().filter(|program| !program.is_empty()) else {
                let remedy = "write command = [\"program\", \"argument\"]";
                page.fault(file.transport.span(), "command", "is missing", remedy);
                return None;
            };
            let mut given = page.expanded("env", &file.env, variables);
            for name in INHERITED {
                if let (false, Some(value)) = (given.contains_key(name), variables(name)) {
                    given.insert(name.to_owned(), value);
                }
            }
            Some(McpTransport::Stdio {
                program,
                arguments: words.collect(),
                variables: given,
            })
        }
        Transport::StreamableHttp => {
            if let Some(command) = &file.command {
                let remedy = "remove it, or use transport = \"stdio\"";
                page.fault(command.span(), "command", "belongs to stdio", remedy);
            }
            let Some(written) = &file.url else {
                let remedy = "write url = \"https://…/mcp\"";
                page.fault(file.transport.span(), "url", "is missing", remedy);
                return None;
            };
            let url = page.address("url", written.span(), written.get_ref());
            let headers = page.headers(&file.headers, variables);
            Some(McpTransport::Http {
                url: url?,
                headers,
                private_network: file.private_network,
            })
        }
    }
}
