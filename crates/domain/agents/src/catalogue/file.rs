//! Reads one agent file.

use chancery_access::Scope;
use toml::de::DeTable;

use super::{
    AgentFault, guards,
    section::{Notes, Section, Source, Table},
};
use crate::{Bundle, HandOff, HandOffContext, HostedAgent, guardrail::Library};

/// `transfer_to_<name>` has to fit the 64 characters that models allow a tool's name.
const LONGEST_NAME: usize = 52;
const LONGEST_LINE: usize = 1024;
const LONGEST_INSTRUCTIONS: usize = 32 * 1024;

/// An agent as its file describes it, not yet checked against others.
pub(super) struct Read {
    pub(super) agent: HostedAgent,
    /// Where its texts stand.
    pub(super) notes: Notes,
}

/// The agent that `text` describes, else every fault of the file.
pub(super) fn read(file: &str, text: &str, library: &Library) -> Result<Read, Vec<AgentFault>> {
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
    let guardrails = section.optional_table("guardrails");
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
    let guardrails = guardrails.map(|table| guards::read(&source, table, library, &mut notes));
    match bundle {
        Some(bundle) if notes.faults.is_empty() => {
            let instructions = instructions.trim().to_owned();
            let agent = HostedAgent {
                name,
                display_name,
                description,
                model,
                instructions,
                bundle,
                handoffs,
                guardrails: guardrails.unwrap_or_default(),
            };
            Ok(Read { agent, notes })
        }
        Some(_) | None => Err(notes.faults),
    }
}

/// An empty one is at fault already.
fn is_name(name: &str) -> bool {
    name.bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn read_bundle<'i>(source: &Source<'i>, table: Table<'i>, notes: &mut Notes) -> Bundle {
    let mut section = Section::new(source, "bundle.", table, notes);
    let tools: Vec<_> = section.names("tools").into_iter().map(|name| name.text).collect();
    let approval = section.optional_names("approval").unwrap_or_default();
    let written = section.optional_text("scope", LONGEST_LINE);
    let mut scope = None;
    if let Some(written) = written {
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
    if let Some(stranger) = approval.iter().find(|name| !tools.contains(&name.text)) {
        section.fault(
            stranger.line,
            "approval",
            format!("{} is not among the tools of the bundle", stranger.text),
            "name tools of `bundle.tools`",
        );
    }
    section.end();
    Bundle {
        tools,
        approval: approval.into_iter().map(|name| name.text).collect(),
        scope,
    }
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
