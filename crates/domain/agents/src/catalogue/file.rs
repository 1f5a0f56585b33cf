//! Reads one agent file.

use chancery_access::Scope;
use toml::{Table, Value};

use super::AgentFault;
use crate::{Bundle, HandOff, HandOffContext, HostedAgent};

/// `transfer_to_<name>` has to fit the 64 characters that models allow a tool's name.
const LONGEST_NAME: usize = 52;
const LONGEST_LINE: usize = 1024;
const LONGEST_INSTRUCTIONS: usize = 32 * 1024;
const MOST_NAMES: usize = 64;

/// The agent that `text` describes, not yet checked against others; else every fault of the file.
pub(super) fn read(file: &str, text: &str) -> Result<HostedAgent, Vec<AgentFault>> {
    let table = text.parse::<Table>().map_err(|error| {
        let line = error.span().map_or(1, |span| {
            1 + text.get(..span.start).unwrap_or("").matches('\n').count()
        });
        let problem = format!("line {line} is not TOML: {}", error.message());
        vec![AgentFault::new(file, "", problem, "mend the syntax")]
    })?;
    let mut faults = Vec::new();
    let mut section = Section {
        file,
        path: "",
        table,
        faults: &mut faults,
    };
    let name = section.text("name", LONGEST_NAME);
    let display_name = section.text("display_name", LONGEST_LINE);
    let description = section.text("description", LONGEST_LINE);
    let model = section.text("model", LONGEST_LINE);
    let instructions = section.text("instructions", LONGEST_INSTRUCTIONS);
    let bundle = section.table("bundle");
    let handoffs = section.tables("handoffs");
    section.end();

    if !name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    {
        faults.push(AgentFault::new(
            file,
            "name",
            format!("{name:?} is not a name"),
            "use a-z, 0-9 and _",
        ));
    }
    let bundle = read_bundle(file, bundle, &mut faults);
    let handoffs = handoffs
        .into_iter()
        .map(|table| read_handoff(file, table, &mut faults))
        .collect();
    if faults.is_empty() {
        let instructions = instructions.trim().to_owned();
        Ok(HostedAgent {
            name,
            display_name,
            description,
            model,
            instructions,
            bundle,
            handoffs,
        })
    } else {
        Err(faults)
    }
}

fn read_bundle(file: &str, table: Table, faults: &mut Vec<AgentFault>) -> Bundle {
    let mut section = Section {
        file,
        path: "bundle.",
        table,
        faults,
    };
    let tools = section.names("tools");
    let approval = section.optional_names("approval");
    let scope = section.optional_text("scope");
    section.end();
    let scope = scope.and_then(|text| {
        let read = Scope::parse(&text);
        if let Err(error) = &read {
            faults.push(AgentFault::new(
                file,
                "bundle.scope",
                error.to_string(),
                "correct it or remove it",
            ));
        }
        read.ok()
    });
    if let Some(stranger) = approval.iter().find(|name| !tools.contains(name)) {
        faults.push(AgentFault::new(
            file,
            "bundle.approval",
            format!("{stranger} is not among the tools of the bundle"),
            "name tools of `bundle.tools`",
        ));
    }
    Bundle {
        tools,
        approval,
        scope,
    }
}

fn read_handoff(file: &str, table: Table, faults: &mut Vec<AgentFault>) -> HandOff {
    let mut section = Section {
        file,
        path: "handoffs.",
        table,
        faults,
    };
    let agent = section.text("agent", LONGEST_NAME);
    let written = section.text("context", LONGEST_LINE);
    section.end();
    let context = HandOffContext::ALL
        .into_iter()
        .find(|context| context.as_str() == written);
    if context.is_none() && !written.is_empty() {
        let known = HandOffContext::ALL.map(HandOffContext::as_str).join(", ");
        let problem = format!("{written:?} is no context");
        faults.push(AgentFault::new(
            file,
            "handoffs.context",
            problem,
            format!("use one of {known}"),
        ));
    }
    // A fault is noted wherever this stands in for something.
    HandOff {
        agent,
        context: context.unwrap_or(HandOffContext::Fresh),
    }
}

/// A table whose members are taken out one by one; what is left at the end nobody knows.
struct Section<'a> {
    file: &'a str,
    /// Stands before the names of its members.
    path: &'static str,
    table: Table,
    faults: &'a mut Vec<AgentFault>,
}

impl Section<'_> {
    fn fault(&mut self, key: &str, problem: impl Into<String>, remedy: impl Into<String>) {
        let key = format!("{}{key}", self.path);
        self.faults
            .push(AgentFault::new(self.file, &key, problem, remedy));
    }

    /// A text that must be there; empty when it is at fault.
    fn text(&mut self, key: &str, longest: usize) -> String {
        match self.table.remove(key) {
            Some(Value::String(text)) if text.trim().is_empty() => {
                self.fault(key, "is empty", "write something");
            }
            Some(Value::String(text)) if text.len() > longest => {
                self.fault(
                    key,
                    format!("has {} bytes", text.len()),
                    format!("use at most {longest}"),
                );
            }
            Some(Value::String(text)) if text.contains('\0') => {
                self.fault(key, "holds a NUL character", "remove it");
            }
            Some(Value::String(text)) => return text,
            Some(other) => self.fault(key, format!("is {}", other.type_str()), "write a string"),
            None => self.fault(key, "is missing", format!("add `{key} = \"…\"`")),
        }
        String::new()
    }

    fn optional_text(&mut self, key: &str) -> Option<String> {
        self.table.contains_key(key).then(|| self.text(key, LONGEST_LINE))
    }

    fn optional_names(&mut self, key: &str) -> Vec<String> {
        if self.table.contains_key(key) {
            self.names(key)
        } else {
            Vec::new()
        }
    }

    /// An array of strings that must be there.
    fn names(&mut self, key: &str) -> Vec<String> {
        let Some(value) = self.table.remove(key) else {
            self.fault(
                key,
                "is missing",
                format!("add `{key} = []`, even when it is empty"),
            );
            return Vec::new();
        };
        let names: Option<Vec<String>> = value.as_array().and_then(|items| {
            items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect()
        });
        match names {
            Some(names) if names.len() <= MOST_NAMES => names,
            Some(names) => {
                self.fault(
                    key,
                    format!("has {} items", names.len()),
                    format!("use at most {MOST_NAMES}"),
                );
                Vec::new()
            }
            None => {
                self.fault(key, "is no array of strings", format!("write `{key} = [\"…\"]`"));
                Vec::new()
            }
        }
    }

    /// A table that must be there.
    fn table(&mut self, key: &str) -> Table {
        match self.table.remove(key) {
            Some(Value::Table(table)) => return table,
            Some(other) => self.fault(
                key,
                format!("is {}", other.type_str()),
                format!("write `[{key}]`"),
            ),
            None => self.fault(key, "is missing", format!("add `[{key}]`")),
        }
        // So that its members are not called missing as well.
        Table::from_iter([("tools".to_owned(), Value::Array(Vec::new()))])
    }

    /// An array of tables that may be absent.
    fn tables(&mut self, key: &str) -> Vec<Table> {
        let tables: Option<Vec<Table>> = match self.table.remove(key) {
            None => Some(Vec::new()),
            Some(Value::Array(items)) if items.len() <= MOST_NAMES => {
                items.into_iter().map(|item| item.as_table().cloned()).collect()
            }
            Some(_) => None,
        };
        tables.unwrap_or_else(|| {
            self.fault(
                key,
                format!("is no list of up to {MOST_NAMES} tables"),
                format!("write `[[{key}]]`"),
            );
            Vec::new()
        })
    }

    /// Refuses what nobody asked for.
    fn end(mut self) {
        let known = match self.path {
            "" => "name, display_name, description, model, instructions, bundle, handoffs",
            "bundle." => "tools, approval, scope",
            _ => "agent, context",
        };
        for (key, _) in std::mem::take(&mut self.table) {
            self.fault(&key, "is not known", format!("remove it; known are {known}"));
        }
    }
}
