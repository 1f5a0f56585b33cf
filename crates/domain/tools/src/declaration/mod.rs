//! Tools that an operator declares, read from one TOML file each.

mod fault;
mod http;
mod mcp;
mod page;

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

pub use fault::{ToolFault, ToolsRefused};
pub use http::{HttpDeclaration, Method};
pub use mcp::{McpDeclaration, McpTool, McpTransport};
pub use page::Variables;

use page::Page;

/// What one file declares.
#[derive(Debug, Clone)]
pub enum Declaration {
    /// A tool that is one HTTP request.
    Http(Box<HttpDeclaration>),
    /// A server of the Model Context Protocol, and some of its tools.
    Mcp(McpDeclaration),
}

/// What every file says, whatever else it says.
#[derive(Deserialize)]
struct Kind {
    kind: Spanned<String>,
}

/// Reads tools from `files`, pairs of file name and text. Names in `reserved` are taken by tools of this program.
///
/// # Errors
/// Every fault of every file, one line each.
pub fn read(
    files: &[(&str, &str)],
    reserved: &[&str],
    variables: Variables<'_>,
) -> Result<Vec<Declaration>, ToolsRefused> {
    let mut faults = Vec::new();
    let mut declarations = Vec::new();
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for name in reserved {
        taken.insert((*name).to_owned(), "this program".to_owned());
    }
    for (file, text) in files {
        let mut page = Page {
            file,
            text,
            faults: Vec::new(),
        };
        let declaration = read_one(&mut page, variables);
        for name in declaration.iter().flat_map(names) {
            if let Some(holder) = taken.insert(name.clone(), (*file).to_owned()) {
                let problem = format!("the tool {name} is declared by {holder} too");
                // The word stands in the file, or is made from one that does.
                let place = text.find(&name).or_else(|| text.find("name")).unwrap_or(0);
                let remedy = "give each tool a name of its own";
                page.fault(place..place, "name", problem, remedy);
            }
        }
        faults.append(&mut page.faults);
        declarations.extend(declaration);
    }
    if faults.is_empty() {
        Ok(declarations)
    } else {
        Err(ToolsRefused(faults))
    }
}

fn read_one(page: &mut Page<'_>, variables: Variables<'_>) -> Option<Declaration> {
    let Kind { kind } = page.parse()?;
    match kind.get_ref().as_str() {
        "http" => http::read(page, variables).map(|read| Declaration::Http(Box::new(read))),
        "mcp" => mcp::read(page, variables).map(Declaration::Mcp),
        other => {
            let problem = format!("{other:?} is no kind of tool");
            page.fault(kind.span(), "kind", problem, "use http or mcp");
            None
        }
    }
}

fn names(declaration: &Declaration) -> Vec<String> {
    match declaration {
        Declaration::Http(http) => vec![http.spec.name.clone()],
        Declaration::Mcp(mcp) => mcp.tools.iter().map(|tool| tool.spec.name.clone()).collect(),
    }
}

#[cfg(test)]
mod tests;
