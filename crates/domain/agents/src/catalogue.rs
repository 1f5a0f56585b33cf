//! Hosted agents, as data.

use std::collections::BTreeMap;

use chancery_access::Scope;
use chancery_tools::ToolCatalogue;
use serde::Deserialize;

/// An agent this server runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedAgent {
    /// Its name on the wire.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// The model it asks for.
    pub model: String,
    /// What it is told.
    pub instructions: String,
    /// The tools it may call, whatever the model says.
    pub tools: Vec<String>,
    /// What a caller's token must allow for any of them to be called.
    pub tools_scope: Option<Scope>,
    /// The agents it may hand off to.
    pub handoffs: Vec<Handoff>,
}

/// A way to another agent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handoff {
    /// Which agent.
    pub agent: String,
    /// What it gets to see.
    #[serde(default)]
    pub context: HandoffContext,
}

impl Handoff {
    /// The tool that models call to hand off.
    #[must_use]
    pub fn tool_name(&self) -> String {
        format!("transfer_to_{}", self.agent)
    }
}

/// What the next agent gets to see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandoffContext {
    /// Everything that was said and called.
    #[default]
    Full,
    /// The person's message of this turn alone.
    Fresh,
    /// The turn before and the person's message.
    LastTurn,
}

/// The hosted agents of a server. There is always a [`AgentCatalogue::ENTRY`].
#[derive(Debug, Clone)]
pub struct AgentCatalogue {
    agents: BTreeMap<String, HostedAgent>,
}

/// Everything that is wrong with the files, a line each with file, key and remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct CatalogueErrors(pub Vec<String>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: String,
    display_name: String,
    description: String,
    model: String,
    instructions: String,
    #[serde(default)]
    bundle: Bundle,
    #[serde(default)]
    handoffs: Vec<Handoff>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bundle {
    #[serde(default)]
    tools: Vec<String>,
    scope: Option<String>,
}

const LONGEST_MANIFEST: usize = 64 * 1024;

impl AgentCatalogue {
    /// The agent that a turn is addressed to when it names none.
    pub const ENTRY: &'static str = "triage";

    /// Reads manifests, given as (file name, TOML text), and checks them against each other and the tools there are.
    pub fn load(files: &[(&str, &str)], tools: &ToolCatalogue) -> Result<Self, CatalogueErrors> {
        let mut agents = BTreeMap::new();
        let mut faults = Vec::new();
        for (file, text) in files {
            match read(text) {
                Err(fault) => faults.push(format!("{file}: {fault}")),
                Ok(agent) => {
                    if let Some(before) = agents.insert(agent.name.clone(), (*file, agent)) {
                        faults.push(format!(
                            "{file}: name: {} has this name too; choose another",
                            before.0
                        ));
                    }
                }
            }
        }
        for (file, agent) in agents.values() {
            faults.extend(
                broken_references(agent, tools, |name| agents.contains_key(name))
                    .map(|fault| format!("{file}: {fault}")),
            );
        }
        if !agents.contains_key(Self::ENTRY) && faults.is_empty() {
            faults.push(format!(
                "{}.toml: there is no agent of this name, which is the entry; add it",
                Self::ENTRY
            ));
        }
        if faults.is_empty() {
            Ok(Self {
                agents: agents
                    .into_iter()
                    .map(|(name, (_, agent))| (name, agent))
                    .collect(),
            })
        } else {
            Err(CatalogueErrors(faults))
        }
    }

    /// The agent of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&HostedAgent> {
        self.agents.get(name)
    }

    /// Every agent, by name.
    pub fn iter(&self) -> impl Iterator<Item = &HostedAgent> {
        self.agents.values()
    }
}

fn read(text: &str) -> Result<HostedAgent, String> {
    if text.len() > LONGEST_MANIFEST {
        return Err(format!(
            "the file is larger than {LONGEST_MANIFEST} bytes; shorten it"
        ));
    }
    let manifest: Manifest = toml::from_str(text).map_err(|error| one_line(&error, text))?;
    let plain = manifest
        .name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !plain || !(1..=48).contains(&manifest.name.len()) {
        return Err("name: write 1 to 48 of a-z, 0-9 and _".to_owned());
    }
    for (key, value) in [
        ("model", &manifest.model),
        ("instructions", &manifest.instructions),
    ] {
        if value.trim().is_empty() {
            return Err(format!("{key}: is empty; say something"));
        }
    }
    let scope = manifest
        .bundle
        .scope
        .map(|scope| Scope::parse(&scope))
        .transpose();
    Ok(HostedAgent {
        name: manifest.name,
        display_name: manifest.display_name,
        description: manifest.description,
        model: manifest.model,
        instructions: manifest.instructions.trim().to_owned(),
        tools: manifest.bundle.tools,
        tools_scope: scope.map_err(|error| format!("bundle.scope: {error}"))?,
        handoffs: manifest.handoffs,
    })
}

/// TOML's own message spans lines; the operator gets the place and the first sentence.
fn one_line(error: &toml::de::Error, text: &str) -> String {
    let line = error.span().map_or(1, |span| {
        1 + text.bytes().take(span.start).filter(|b| *b == b'\n').count()
    });
    format!("line {line}: {}; correct it", error.message().replace('\n', " "))
}

fn broken_references<'a>(
    agent: &'a HostedAgent,
    tools: &'a ToolCatalogue,
    is_agent: impl Fn(&str) -> bool + 'a,
) -> impl Iterator<Item = String> + 'a {
    let repeated = |names: Vec<&String>| {
        let mut names: Vec<_> = names.into_iter().cloned().collect();
        names.sort_unstable();
        names.windows(2).find_map(|pair| {
            (pair.first() == pair.last())
                .then(|| pair.first().cloned())
                .flatten()
        })
    };
    let unknown_tools = agent
        .tools
        .iter()
        .filter(|name| tools.find(name).is_none())
        .map(|name| format!("bundle.tools: there is no tool called {name}; remove it or correct its name"));
    let unknown_agents = agent.handoffs.iter().filter_map(move |handoff| {
        if handoff.agent == agent.name {
            Some("handoffs.agent: an agent cannot hand off to itself; remove it".to_owned())
        } else if is_agent(&handoff.agent) {
            None
        } else {
            Some(format!(
                "handoffs.agent: there is no agent called {}; remove it or add its file",
                handoff.agent
            ))
        }
    });
    let twice_a_tool = repeated(agent.tools.iter().collect());
    let twice_an_agent = repeated(agent.handoffs.iter().map(|handoff| &handoff.agent).collect());
    unknown_tools
        .chain(unknown_agents)
        .chain(twice_a_tool.map(|name| format!("bundle.tools: {name} stands there twice; remove one")))
        .chain(twice_an_agent.map(|name| format!("handoffs.agent: {name} stands there twice; remove one")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chancery_ambient::SystemClock;
    use chancery_tools::{GetCurrentTime, Tool, ToolCatalogue};
    use proptest::prelude::*;

    use super::{AgentCatalogue, HandoffContext};

    fn tools() -> ToolCatalogue {
        ToolCatalogue::new([Arc::new(GetCurrentTime::new(Arc::new(SystemClock::default()))) as Arc<dyn Tool>])
            .unwrap()
    }

    fn manifest(name: &str, rest: &str) -> String {
        format!(
            "name = \"{name}\"\ndisplay_name = \"X\"\ndescription = \"x\"\nmodel = \"m\"\ninstructions = \"i\"\n{rest}"
        )
    }

    fn faults(rest: &str) -> String {
        let text = manifest("triage", rest);
        AgentCatalogue::load(&[("triage.toml", &text)], &tools())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn good_manifests_make_a_catalogue() {
        let triage = manifest(
            "triage",
            "[bundle]\ntools = [\"get_current_time\"]\nscope = \"tools:read\"\n[[handoffs]]\nagent = \"other\"\ncontext = \"last_turn\"",
        );
        let other = manifest("other", "");
        let catalogue = AgentCatalogue::load(&[("a", &triage), ("b", &other)], &tools()).unwrap();
        let triage = catalogue.find("triage").unwrap();
        assert_eq!(triage.handoffs[0].tool_name(), "transfer_to_other");
        assert_eq!(triage.handoffs[0].context, HandoffContext::LastTurn);
        assert_eq!(catalogue.iter().count(), 2);
    }

    #[test]
    fn each_fault_is_one_line_with_file_key_and_remedy() {
        for (rest, key) in [
            ("[bundle]\ntools = [\"nonexistent\"]", "bundle.tools"),
            (
                "[bundle]\ntools = [\"get_current_time\", \"get_current_time\"]",
                "bundle.tools",
            ),
            ("[bundle]\nscope = \"everything\"", "bundle.scope"),
            ("[[handoffs]]\nagent = \"nobody\"", "handoffs.agent"),
            ("[[handoffs]]\nagent = \"triage\"", "handoffs.agent"),
            ("[[handoffs]]\nagent = \"x\"\ncontext = \"some\"", "line"),
            ("temperature = 1", "temperature"),
            ("name = \"again\"", "line"),
        ] {
            let faults = faults(rest);
            assert!(
                faults.starts_with("triage.toml: ") && faults.contains(key),
                "{rest}: {faults}"
            );
            assert_eq!(faults.lines().count(), 1, "{faults}");
        }
    }

    #[test]
    fn a_catalogue_without_its_entry_or_with_two_of_a_name_is_refused() {
        let other = manifest("other", "");
        assert!(
            AgentCatalogue::load(&[("other.toml", &other)], &tools())
                .unwrap_err()
                .to_string()
                .contains("triage")
        );
        let triage = manifest("triage", "");
        assert!(AgentCatalogue::load(&[("a", &triage), ("b", &triage)], &tools()).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
            let _ = AgentCatalogue::load(&[("any.toml", &text)], &tools());
        }
    }
}
