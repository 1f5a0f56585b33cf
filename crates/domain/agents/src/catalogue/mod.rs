//! The hosted agents of a server, read from one TOML file each.

mod bundle;
mod fault;
mod file;
mod guards;
mod section;

use chancery_tools::ToolCatalogue;

use file::Read;

pub use fault::{AgentFault, AgentsRefused};

use crate::{HostedAgent, guardrail::Library};

/// Every hosted agent, checked against each other and against the tools there are.
#[derive(Debug)]
pub struct AgentCatalogue {
    /// Sorted by name.
    agents: Vec<HostedAgent>,
}

impl AgentCatalogue {
    /// The agent that answers when a turn names none.
    pub const DEFAULT: &str = "triage";

    /// Reads agents from `files`, pairs of file name and text.
    ///
    /// # Errors
    /// Every fault of every file, one line each.
    pub fn load(files: &[(&str, &str)], tools: &ToolCatalogue) -> Result<Self, AgentsRefused> {
        let mut faults = Vec::new();
        let library = Library::default();
        let mut all: Vec<(&str, Read)> = Vec::new();
        for (name, text) in files {
            match file::read(name, text, &library) {
                Ok(read) => all.push((name, read)),
                Err(found) => faults.extend(found),
            }
        }
        all.sort_by(|(_, one), (_, other)| one.agent.name.cmp(&other.agent.name));
        check_names(&all, &mut faults);
        for (file, read) in &mut all {
            bundle::complete(file, read, tools, &mut faults);
        }
        bundle::check_agents(&all, all.len() == files.len(), &mut faults);
        for (file, read) in &all {
            // What a file that could not be read is called is not known, so its absence proves nothing.
            check_handoffs(file, read, &all, all.len() == files.len(), &mut faults);
        }
        if faults.is_empty() {
            let agents = all.into_iter().map(|(_, read)| read.agent).collect();
            Ok(Self { agents })
        } else {
            Err(AgentsRefused(faults))
        }
    }

    /// The agent of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&HostedAgent> {
        self.agents.iter().find(|agent| agent.name == name)
    }

    /// Every agent, by name.
    pub fn iter(&self) -> impl Iterator<Item = &HostedAgent> {
        self.agents.iter()
    }
}

fn check_names(all: &[(&str, Read)], faults: &mut Vec<AgentFault>) {
    for pair in all.windows(2) {
        if let [(first, one), (second, other)] = pair
            && one.agent.name == other.agent.name
        {
            faults.push(AgentFault::new(
                second,
                other.notes.line("name", 0),
                "name",
                format!("{} is taken by {first}", one.agent.name),
                "give each agent a name of its own",
            ));
        }
    }
    if faults.is_empty()
        && !all
            .iter()
            .any(|(_, read)| read.agent.name == AgentCatalogue::DEFAULT)
    {
        faults.push(AgentFault::new(
            "triage.toml",
            None,
            "name",
            "there is no agent called triage",
            "add one: it answers when a turn names no agent",
        ));
    }
}

fn check_handoffs(
    file: &str,
    read: &Read,
    all: &[(&str, Read)],
    all_were_read: bool,
    faults: &mut Vec<AgentFault>,
) {
    const KEY: &str = "handoffs.agent";
    let agent = &read.agent;
    for (place, handoff) in agent.handoffs.iter().enumerate() {
        let to = &handoff.agent;
        let mut earlier = agent.handoffs.iter().take(place);
        let fault = if *to == agent.name {
            Some((
                "an agent cannot hand off to itself".to_owned(),
                "name another agent or remove the hand-off".to_owned(),
            ))
        } else if earlier.any(|earlier| earlier.agent == *to) {
            Some((format!("{to} is named twice"), "name each agent once".to_owned()))
        } else if all_were_read && !all.iter().any(|(_, other)| other.agent.name == *to) {
            let others = all.iter().map(|(_, other)| other.agent.name.clone());
            let others = others.filter(|name| *name != agent.name).collect();
            Some((
                format!("there is no agent called {to}"),
                format!("use one of {}", listed(others)),
            ))
        } else {
            None
        };
        let line = read.notes.line(KEY, place);
        faults.extend(fault.map(|(problem, remedy)| AgentFault::new(file, line, KEY, problem, remedy)));
    }
}

fn listed(names: Vec<String>) -> String {
    if names.is_empty() {
        "none: there is nothing to name".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests;
