//! Reads one agent file.

use chancery_access::Scope;
use chancery_tools::CostClass;
use toml::de::DeTable;

use super::{
    AgentFault, guards,
    section::{Notes, Section, Source, Table, Text},
};
use crate::{Bundle, HandOff, HandOffContext, HostedAgent, Memory, MemoryStrategy, guardrail::Library};

/// `transfer_to_<name>` has to fit the 64 characters that models allow a tool's name.
const LONGEST_NAME: usize = 52;
const LONGEST_LINE: usize = 1024;
const LONGEST_INSTRUCTIONS: usize = 32 * 1024;
const MOST_MEMORY_BYTES: usize = 4 * 1024 * 1024;

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
    let memory = section.optional_table("memory");
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
    let memory = memory.map(|table| read_memory(&source, table, &mut notes));
    let bundle = bundle.map(|table| read_bundle(&source, table, &mut notes));
    let handoffs = handoffs
        .into_iter()
        .map(|table| read_handoff(&source, table, &mut notes))
        .collect();
    let guardrails = guardrails.map(|table| guards::read(&source, table, library, &mut notes));
    match bundle {
        Some((bundle, selection)) if notes.faults.is_empty() => {
            let instructions = instructions.trim().to_owned();
            let agent = HostedAgent {
                name,
                display_name,
                description,
                model,
                instructions,
                memory: memory.unwrap_or_default(),
                bundle,
                handoffs,
                guardrails: guardrails.unwrap_or_default(),
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

fn read_memory<'i>(source: &Source<'i>, table: Table<'i>, notes: &mut Notes) -> Memory {
    let mut section = Section::new(source, "memory.", table, notes);
    let mut memory = Memory::default();
    section.require("strategy");
    let all = &MemoryStrategy::ALL;
    let strategy = section.choice("strategy", "strategy", all, MemoryStrategy::as_str);
    let messages = section.optional_count("messages", Memory::MOST_MESSAGES);
    let bytes = section.optional_count("bytes", MOST_MEMORY_BYTES);
    section.end();
    memory.strategy = strategy.unwrap_or(memory.strategy);
    memory.messages = messages.unwrap_or(memory.messages);
    memory.bytes = bytes.unwrap_or(memory.bytes);
    memory
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
    let max_cost = section.choice("max_cost", "class of cost", &CostClass::ALL, CostClass::as_str);
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
    section.require("context");
    let all = &HandOffContext::ALL;
    let context = section.choice("context", "context", all, HandOffContext::as_str);
    section.end();
    // Where it is at fault, nobody uses this.
    let context = context.unwrap_or(HandOffContext::Fresh);
    HandOff { agent, context }
}
