//! Reads one agent file.

use chancery_access::Scope;
use chancery_tools::CostClass;
use toml::de::DeTable;

use super::{
    AgentFault,
    section::{Notes, Section, Source, Table, Text},
};
use crate::{Bundle, HandOff, HandOffContext, HostedAgent};

/// `transfer_to_<name>` has to fit the 64 characters that models allow a tool's name.
const LONGEST_NAME: usize = 52;
const LONGEST_LINE: usize = 1024;
const LONGEST_INSTRUCTIONS: usize = 32 * 1024;

/// An agent as its file describes it, not yet checked against others.
pub(super) struct Read {
    pub(super) agent: HostedAgent,
    pub(super) selection: Selection,
    /// Where its texts stand.
    pub(super) notes: Notes,
}

/// Tools that an agent gets by what they are.
pub(super) struct Selection {
    pub(super) categories: Vec<String>,
    pub(super) max_cost: Option<CostClass>,
}

/// The agent that `text` describes, else every fault of the file.
pub(super) fn read(file: &str, text: &str) -> Result<Read, Vec<AgentFault>> {
    let source = Source { file, text };
    let members = match DeTable::parse(text) {
        Ok(members) => members.into_inner(),
        Err(error) => {
            let line = source.line(error.span().map_or(0, |span| span.start));
            let problem = format!("is not TOML: {}", error.message());
            let fault = AgentFault::new(file, Some(line), "", problem, "mend the syntax");
            return Err(vec![fault]);
        }
    };
    let mut notes = Notes::default();
    let root = Table { line: 1, members };
    let mut section = Section::new(&source, "", root, &mut notes);
    let name = section.text("name", LONGEST_NAME);
    let display_name = section.text("display_name", LONGEST_LINE);
    let description = section.text("description", LONGEST_LINE);
    let model = section.text("model", LONGEST_LINE);
    let instructions = section.text("instructions", LONGEST_INSTRUCTIONS);
    let bundle = section.table("bundle");
    let handoffs = section.tables("handoffs");
    section.end();

    if !is_name(&name) {
        let problem = format!("{name:?} is not a name");
        let line = notes.line("name", 0);
        let fault = AgentFault::new(file, line, "name", problem, "use a-z, 0-9 and _");
        notes.faults.push(fault);
    }
    let bundle = bundle.map(|table| read_bundle(&source, table, &mut notes));
    let handoffs = handoffs
        .into_iter()
        .map(|table| read_handoff(&source, table, &mut notes))
        .collect();
    match bundle {
        Some((bundle, selection)) if notes.faults.is_empty() => {
            let instructions = instructions.trim().to_owned();
            let agent = HostedAgent {
                name,
                display_name,
                description,
                model,
                instructions,
                bundle,
                handoffs,
            };
            Ok(Read {
                agent,
                selection,
                notes,
            })
        }
        Some(_) | None => Err(notes.faults),
    }
}

/// An empty one is at fault already.
fn is_name(name: &str) -> bool {
    name.bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn read_bundle<'i>(source: &Source<'i>, table: Table<'i>, notes: &mut Notes) -> (Bundle, Selection) {
    let mut section = Section::new(source, "bundle.", table, notes);
    let texts = |names: Vec<Text>| names.into_iter().map(|name| name.text).collect();
    let bundle_tools = texts(section.names("tools"));
    let categories = texts(section.optional_names("categories").unwrap_or_default());
    let agents = texts(section.optional_names("agents").unwrap_or_default());
    let approval = texts(section.optional_names("approval").unwrap_or_default());
    let mut scope = None;
    if let Some(written) = section.optional_text("scope", LONGEST_LINE) {
        match Scope::parse(&written.text) {
            Ok(read) => scope = Some(read),
            Err(error) => section.fault(
                written.line,
                "scope",
                error.to_string(),
                "correct it or remove it",
            ),
        }
    }
    let mut max_cost = None;
    if let Some(written) = section.optional_text("max_cost", LONGEST_LINE) {
        max_cost = CostClass::ALL
            .into_iter()
            .find(|class| class.as_str() == written.text);
        if max_cost.is_none() {
            let known = CostClass::ALL.map(CostClass::as_str).join(", ");
            let problem = format!("{:?} is no class of cost", written.text);
            section.fault(written.line, "max_cost", problem, format!("use one of {known}"));
        }
    }
    section.end();
    let bundle = Bundle {
        tools: bundle_tools,
        agents,
        approval,
        scope,
    };
    (bundle, Selection { categories, max_cost })
}

fn read_handoff<'i>(source: &Source<'i>, table: Table<'i>, notes: &mut Notes) -> HandOff {
    let mut section = Section::new(source, "handoffs.", table, notes);
    let agent = section.text("agent", LONGEST_NAME);
    let written = section.required_text("context", LONGEST_LINE);
    let mut context = HandOffContext::Fresh;
    if let Some(written) = written {
        let mut all = HandOffContext::ALL.into_iter();
        match all.find(|context| context.as_str() == written.text) {
            Some(known) => context = known,
            None => section.fault(
                written.line,
                "context",
                format!("{:?} is no context", written.text),
                format!(
                    "use one of {}",
                    HandOffContext::ALL.map(HandOffContext::as_str).join(", ")
                ),
            ),
        }
    }
    section.end();
    HandOff { agent, context }
}
