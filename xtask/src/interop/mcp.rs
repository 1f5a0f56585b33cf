//! Servers written with the official SDKs of the Model Context Protocol, npm's and PyPI's, over stdio and streamable HTTP.

use std::env;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Judge, Stage};
use crate::process::{self, Daemon};
use crate::{Outcome, workspace};

pub(super) const JUDGE: Judge = Judge {
    name: "mcp",
    about: "agents call tools of the official SDKs' servers, and an approval survives a kill between asking and calling",
    run,
};

const NPM: [&str; 3] = [
    "@copilotkit/aimock@1.43.0",
    "@modelcontextprotocol/sdk@1.32.2",
    "zod@4.6.7",
];
const PYPI: [&str; 1] = ["mcp==2.3.0"];
/// What servers over HTTP ask for.
const SECRET: &str = "mcp-s3cret";

fn run(stage: &Stage) -> Outcome {
    let folder = tempfile::Builder::new().prefix("chancery-mcp-").tempdir()?;
    let (calls, notes) = (folder.path().join("calls"), folder.path().join("notes"));
    let npm = stage.node("mcp_server.mjs", &NPM)?;
    let pypi = stage.python("mcp_server.py", &PYPI)?;
    let mut http = Vec::new();
    let mut addresses = Vec::new();
    for server in [&npm, &pypi] {
        let port = process::free_port()?;
        http.push(serve_http(server, port, &calls)?);
        addresses.push(format!("http://127.0.0.1:{port}/mcp"));
    }
    let (tools, agents) = (folder.path().join("tools"), folder.path().join("agents"));
    fs::create_dir_all(&tools)?;
    fs::create_dir_all(&agents)?;
    let [npm_address, pypi_address] = addresses.as_slice() else {
        return Err("two servers listen".into());
    };
    for (name, transport) in [
        ("npm_stdio", over_stdio(&npm)),
        ("npm_http", over_http(npm_address)),
        ("pypi_stdio", over_stdio(&pypi)),
        ("pypi_http", over_http(pypi_address)),
    ] {
        fs::write(tools.join(format!("{name}.toml")), tool_file(name, &transport))?;
    }
    fs::write(agents.join("triage.toml"), AGENT)?;

    let port = process::free_port()?.to_string();
    let provider = format!("http://127.0.0.1:{port}/v1");
    let (tools, agents, told) = (
        tools.display().to_string(),
        agents.display().to_string(),
        calls.display().to_string(),
    );
    fs::write(&calls, "")?;
    let mut server = stage.serve(&[
        ("OPENAI_API", "chat_completions"),
        ("OPENAI_API_KEY", "aimock"),
        ("OPENAI_BASE_URL", &provider),
        // The script answers the requests of runs and no others.
        ("CONVERSATION_TITLES", "off"),
        ("TOOL_CATALOG_DIR", &tools),
        ("AGENT_CATALOG_DIR", &agents),
        ("MCP_SECRET", SECRET),
        ("MCP_CALLS", &told),
    ])?;
    for part in ["ask", "settle"] {
        if part == "settle" {
            server.kill_and_start_again()?;
        }
        let mut judge = stage.node("mcp.mjs", &NPM)?;
        server.describe_to(&mut judge);
        judge
            .env("PROVIDER_PORT", &port)
            .env("CALLS", &calls)
            .env("NOTES", &notes)
            .env("PART", part);
        process::run(&mut judge)?;
    }
    Ok(())
}

/// Starts a server over HTTP; the scripts lie beside their packages, so their folder is where they run.
fn serve_http(server: &Command, port: u16, calls: &Path) -> Outcome<Daemon> {
    let mut command = process::bound_to_us(Path::new(server.get_program()), None);
    command
        .args(server.get_args())
        .env_clear()
        .envs(
            ["PATH", "HOME"]
                .iter()
                .filter_map(|name| Some((name, env::var_os(name)?))),
        )
        .env("PORT", port.to_string())
        .env("SECRET", SECRET)
        .env("CALLS", calls)
        .current_dir(server.get_current_dir().unwrap_or(&workspace::root()?))
        .stdin(Stdio::null());
    let daemon = Daemon::start("an MCP server", "TERM", &mut command)?;
    let listening = || Ok(TcpStream::connect(("127.0.0.1", port)).is_ok());
    process::wait_until("the MCP server listens", Duration::from_mins(1), listening)?;
    Ok(daemon)
}

fn over_stdio(server: &Command) -> String {
    let words = std::iter::once(server.get_program()).chain(server.get_args());
    let words: Vec<_> = words
        .map(|word| format!("{:?}", word.to_string_lossy()))
        .collect();
    format!(
        "transport = \"stdio\"\ncommand = [{}]\nenv = {{ CALLS = \"${{MCP_CALLS}}\" }}\n",
        words.join(", ")
    )
}

fn over_http(address: &str) -> String {
    format!(
        "transport = \"streamable_http\"\nurl = \"{address}\"\nprivate_network = true\n\
         headers = {{ Authorization = \"Bearer ${{MCP_SECRET}}\" }}\n"
    )
}

fn tool_file(name: &str, transport: &str) -> String {
    format!(
        "kind = \"mcp\"\nname = \"{name}\"\ncategory = \"judge\"\nconnect_timeout_seconds = 30\n{transport}\
         [[tools]]\nname = \"add\"\napproval = \"never\"\n[[tools]]\nname = \"delete-file\"\n"
    )
}

const AGENT: &str = r#"
name = "triage"
display_name = "Triage"
description = "Calls tools."
model = "gpt-4.1"
instructions = "Do what you are asked."
[bundle]
tools = [
    "npm_stdio_add", "npm_stdio_delete_file", "npm_http_add", "npm_http_delete_file",
    "pypi_stdio_add", "pypi_stdio_delete_file", "pypi_http_add", "pypi_http_delete_file",
]
"#;
