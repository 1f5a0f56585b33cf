//! The bundles of agents: what they name, against the tools and the agents there are.

use chancery_tools::{Tool, ToolCatalogue};

use super::{AgentFault, file::Read, listed};
use crate::HandOff;

const TOOLS: &str = "bundle.tools";
const AGENTS: &str = "bundle.agents";

/// Adds the tools that come with a category, and checks what is named.
pub(super) fn complete(file: &str, read: &mut Read, tools: &ToolCatalogue, faults: &mut Vec<AgentFault>) {
    check_tools(file, read, tools, faults);
    let affordable = |tool: &dyn Tool| {
        let limit = read.selection.max_cost;
        limit.is_none_or(|limit| tool.spec().cost <= limit)
    };
    let mut added = Vec::new();
    for (place, category) in read.selection.categories.iter().enumerate() {
        const KEY: &str = "bundle.categories";
        let mut of_category = tools
            .iter()
            .filter(|tool| tool.spec().category == *category)
            .peekable();
        if of_category.peek().is_none() {
            let mut known: Vec<_> = tools.iter().map(|tool| tool.spec().category.clone()).collect();
            known.sort_unstable();
            known.dedup();
            let problem = format!("there is no tool of the category {category}");
            let remedy = format!("use one of {}", listed(known));
            faults.push(AgentFault::new(
                file,
                read.notes.line(KEY, place),
                KEY,
                problem,
                remedy,
            ));
        }
        let of_category = of_category.filter(|tool| affordable(&***tool));
        added.extend(of_category.map(|tool| tool.spec().name.clone()));
    }
    let held = &mut read.agent.bundle.tools;
    for name in added {
        if !held.contains(&name) {
            held.push(name);
        }
    }
    for (place, name) in read.agent.bundle.approval.iter().enumerate() {
        const KEY: &str = "bundle.approval";
        if !read.agent.bundle.tools.contains(name) {
            let problem = format!("{name} is not among the tools of the bundle");
            let line = read.notes.line(KEY, place);
            let remedy = "name tools of `bundle.tools` or of its categories";
            faults.push(AgentFault::new(file, line, KEY, problem, remedy));
        }
    }
}

fn check_tools(file: &str, read: &Read, tools: &ToolCatalogue, faults: &mut Vec<AgentFault>) {
    let named = &read.agent.bundle.tools;
    for (place, name) in named.iter().enumerate() {
        let known = || tools.iter().map(|tool| tool.spec().name.clone()).collect();
        let found = tools.find(name);
        let limit = read.selection.max_cost;
        let (problem, remedy) = if named.iter().take(place).any(|earlier| earlier == name) {
            (format!("{name} is named twice"), "name each tool once".to_owned())
        } else if name.starts_with(HandOff::TOOL_PREFIX) {
            let remedy = "declare it as [[handoffs]]".to_owned();
            (format!("{name} is the name of a hand-off"), remedy)
        } else if read.agent.asked_by(name).is_some() {
            let remedy = "remove it, or the agent from `bundle.agents`".to_owned();
            (
                format!("{name} is the name of the tool that asks an agent"),
                remedy,
            )
        } else if let Some((class, limit)) = found
            .map(|tool| tool.spec().cost)
            .zip(limit)
            .filter(|(class, limit)| class > limit)
        {
            let problem = format!(
                "{name} is {}, more than max_cost {}",
                class.as_str(),
                limit.as_str()
            );
            (problem, "raise bundle.max_cost or remove the tool".to_owned())
        } else if found.is_none() {
            let remedy = format!("use one of {}", listed(known()));
            (format!("there is no tool called {name}"), remedy)
        } else {
            continue;
        };
        let line = read.notes.line(TOOLS, place);
        faults.push(AgentFault::new(file, line, TOOLS, problem, remedy));
    }
}

/// Checks whom agents ask: those there are, nobody twice, and nobody who would end up asking them.
pub(super) fn check_agents(all: &[(&str, Read)], all_were_read: bool, faults: &mut Vec<AgentFault>) {
    for (file, read) in all {
        let agent = &read.agent;
        for (place, asked) in agent.bundle.agents.iter().enumerate() {
            let mut earlier = agent.bundle.agents.iter().take(place);
            let (problem, remedy) = if earlier.any(|earlier| earlier == asked) {
                (
                    format!("{asked} is named twice"),
                    "name each agent once".to_owned(),
                )
            } else if let Some(path) = path_back(all, &agent.name, asked) {
                let problem = format!("the agents ask in a circle: {}", path.join(", "));
                (problem, format!("remove {asked}, or break the circle elsewhere"))
            } else if all_were_read && !all.iter().any(|(_, other)| other.agent.name == *asked) {
                let others = all.iter().map(|(_, other)| other.agent.name.clone());
                let others = others.filter(|name| *name != agent.name).collect();
                let remedy = format!("use one of {}", listed(others));
                (format!("there is no agent called {asked}"), remedy)
            } else {
                continue;
            };
            let line = read.notes.line(AGENTS, place);
            faults.push(AgentFault::new(file, line, AGENTS, problem, remedy));
        }
    }
}

/// The way from `start` over `asked` back to `start`, if there is one.
fn path_back(all: &[(&str, Read)], start: &str, asked: &str) -> Option<Vec<String>> {
    let mut paths = vec![vec![start.to_owned(), asked.to_owned()]];
    let mut seen = vec![asked.to_owned()];
    while let Some(path) = paths.pop() {
        let last = path.last()?;
        if last == start {
            return Some(path);
        }
        let next = all.iter().find(|(_, read)| read.agent.name == *last);
        for further in next.iter().flat_map(|(_, read)| &read.agent.bundle.agents) {
            if further == start || !seen.contains(further) {
                seen.push(further.clone());
                paths.push([path.clone(), vec![further.clone()]].concat());
            }
        }
    }
    None
}
