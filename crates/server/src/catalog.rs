//! The hosted agents and the service accounts: embedded, or an operator's in their place.

use std::{error::Error, path::Path};

use chancery_accounts::ServiceAccountCatalogue;
use chancery_agents::AgentCatalogue;
use chancery_tools::{Declaration, ToolCatalogue};

use crate::config::ToolFiles;

const EMBEDDED: [(&str, &str); 3] = [
    ("triage.toml", include_str!("../catalog/agents/triage.toml")),
    (
        "code_assistant.toml",
        include_str!("../catalog/agents/code_assistant.toml"),
    ),
    (
        "data_analyst.toml",
        include_str!("../catalog/agents/data_analyst.toml"),
    ),
];

const SERVICE_ACCOUNTS: &str = include_str!("../catalog/service_accounts.toml");

/// Reads every `*.toml` of `folder`, or the embedded agents, and checks them against the tools there are.
///
/// # Errors
/// Every fault of every file, a line each with file, key and remedy.
pub(crate) fn load(folder: Option<&Path>, tools: &ToolCatalogue) -> Result<AgentCatalogue, Box<dyn Error>> {
    let files = match folder {
        None => EMBEDDED
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .to_vec(),
        Some(folder) => {
            read(folder).map_err(|error| format!("AGENT_CATALOG_DIR {}: {error}", folder.display()))?
        }
    };
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    Ok(AgentCatalogue::load(&files, tools)?)
}

/// Reads the catalogue of service accounts in `file`, or the embedded one.
///
/// # Errors
/// Every fault, a line each.
pub(crate) fn service_accounts(file: Option<&Path>) -> Result<ServiceAccountCatalogue, Box<dyn Error>> {
    let Some(file) = file else {
        return Ok(ServiceAccountCatalogue::parse(SERVICE_ACCOUNTS)?);
    };
    let told = |error: &dyn std::fmt::Display| format!("SERVICE_ACCOUNT_CATALOG {}: {error}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| told(&error))?;
    Ok(ServiceAccountCatalogue::parse(&text).map_err(|error| told(&error))?)
}

/// Reads every `*.toml` of the folder of tools. Names in `reserved` are taken by tools of this program.
///
/// # Errors
/// Every fault of every file, a line each with file, line, key and remedy.
pub(crate) fn tools(files: &ToolFiles, reserved: &[&str]) -> Result<Vec<Declaration>, Box<dyn Error>> {
    let folder = &files.folder;
    let found = read(folder).map_err(|error| format!("TOOL_CATALOG_DIR {}: {error}", folder.display()))?;
    let found: Vec<_> = found
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let variables = |name: &str| files.variables.get(name).cloned();
    Ok(chancery_tools::read(&found, reserved, &variables)?)
}

fn read(folder: &Path) -> std::io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            files.push((name, std::fs::read_to_string(&path)?));
        }
    }
    files.sort();
    Ok(files)
}
