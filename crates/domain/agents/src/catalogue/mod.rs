//! The hosted agents of a server, read from one TOML file each.

mod fault;
mod file;

use chancery_tools::ToolCatalogue;

pub use fault::{AgentFault, AgentsRefused};

use crate::{HandOff, HostedAgent};

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
        let mut read: Vec<(&str, HostedAgent)> = Vec::new();
        for (name, text) in files {
            match file::read(name, text) {
                Ok(agent) => read.push((name, agent)),
                Err(found) => faults.extend(found),
            }
        }
        read.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
        check_names(&read, &mut faults);
        for (file, agent) in &read {
            check_tools(file, agent, tools, &mut faults);
            // What a file that could not be read is called is not known, so its absence proves nothing.
            check_handoffs(file, agent, &read, read.len() == files.len(), &mut faults);
        }
        if faults.is_empty() {
            let agents = read.into_iter().map(|(_, agent)| agent).collect();
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

fn check_names(read: &[(&str, HostedAgent)], faults: &mut Vec<AgentFault>) {
    for pair in read.windows(2) {
        if let [(first, one), (second, other)] = pair
            && one.name == other.name
        {
            faults.push(AgentFault::new(
                second,
                "name",
                format!("{} is taken by {first}", one.name),
                "give each agent a name of its own",
            ));
        }
    }
    if faults.is_empty()
        && !read
            .iter()
            .any(|(_, agent)| agent.name == AgentCatalogue::DEFAULT)
    {
        faults.push(AgentFault::new(
            "triage.toml",
            "name",
            "there is no agent called triage",
            "add one: it answers when a turn names no agent",
        ));
    }
}

fn check_tools(file: &str, agent: &HostedAgent, tools: &ToolCatalogue, faults: &mut Vec<AgentFault>) {
    for (place, name) in agent.bundle.tools.iter().enumerate() {
        let known = || tools.iter().map(|tool| tool.spec().name.clone()).collect();
        let fault = if agent
            .bundle
            .tools
            .iter()
            .take(place)
            .any(|earlier| earlier == name)
        {
            Some((format!("{name} is named twice"), "name each tool once".to_owned()))
        } else if name.starts_with(HandOff::TOOL_PREFIX) {
            Some((
                format!("{name} is the name of a hand-off"),
                "declare it as [[handoffs]]".to_owned(),
            ))
        } else if tools.find(name).is_none() {
            Some((
                format!("there is no tool called {name}"),
                format!("use one of {}", listed(known())),
            ))
        } else {
            None
        };
        faults.extend(fault.map(|(problem, remedy)| AgentFault::new(file, "bundle.tools", problem, remedy)));
    }
}

fn check_handoffs(
    file: &str,
    agent: &HostedAgent,
    read: &[(&str, HostedAgent)],
    all_were_read: bool,
    faults: &mut Vec<AgentFault>,
) {
    for (place, handoff) in agent.handoffs.iter().enumerate() {
        let to = &handoff.agent;
        let fault = if *to == agent.name {
            Some((
                "an agent cannot hand off to itself".to_owned(),
                "name another agent or remove the hand-off".to_owned(),
            ))
        } else if agent
            .handoffs
            .iter()
            .take(place)
            .any(|earlier| earlier.agent == *to)
        {
            Some((format!("{to} is named twice"), "name each agent once".to_owned()))
        } else if all_were_read && !read.iter().any(|(_, other)| other.name == *to) {
            let others = read.iter().map(|(_, other)| other.name.clone());
            let others = others.filter(|name| *name != agent.name).collect();
            Some((
                format!("there is no agent called {to}"),
                format!("use one of {}", listed(others)),
            ))
        } else {
            None
        };
        faults
            .extend(fault.map(|(problem, remedy)| AgentFault::new(file, "handoffs.agent", problem, remedy)));
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
