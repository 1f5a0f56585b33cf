//! A hosted agent: what it is told, what it may use, whom it may hand to.

use chancery_access::Scope;

use crate::Guardrails;

/// An agent that this server runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedAgent {
    /// Unique; `[a-z0-9_]{1,52}`.
    pub name: String,
    /// For people.
    pub display_name: String,
    /// For people, and for the agents that may hand to it.
    pub description: String,
    /// The model it asks for.
    pub model: String,
    /// What the model is told first. Never shown to clients.
    pub instructions: String,
    /// What of the conversation it is shown.
    pub memory: Memory,
    /// What it may use.
    pub bundle: Bundle,
    /// Whom it may hand to.
    pub handoffs: Vec<HandOff>,
    /// What is kept from it, and from those who read it.
    pub guardrails: Guardrails,
}

/// What of the conversation an agent is shown when a turn is addressed to it: answered turns, the latest of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// How it is chosen.
    pub strategy: MemoryStrategy,
    /// Messages, at most; up to [`Memory::MOST_MESSAGES`].
    pub messages: usize,
    /// Bytes of their text, at most. A message is shown whole or not at all.
    pub bytes: usize,
}

impl Memory {
    /// As many as are read at once.
    pub const MOST_MESSAGES: usize = 100;
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            strategy: MemoryStrategy::Trim,
            messages: 20,
            bytes: 128 * 1024,
        }
    }
}

/// How the messages that an agent is shown are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryStrategy {
    /// None: each turn stands for itself.
    None,
    /// The latest, within the bounds.
    Trim,
}

impl MemoryStrategy {
    /// Every strategy.
    pub const ALL: [Self; 2] = [Self::None, Self::Trim];

    /// The name in agent files and in requests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Trim => "trim",
        }
    }

    /// The strategy of this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

/// The tools of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Their names: those that its file names, then those that came with a category.
    pub tools: Vec<String>,
    /// Agents that it may ask and go on itself, each a tool called `ask_<agent>`.
    pub agents: Vec<String>,
    /// Those of them that are called only after the person has agreed.
    pub approval: Vec<String>,
    /// What a caller's token must allow for any of them, besides what each asks itself.
    pub scope: Option<Scope>,
}

/// That an agent may hand to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOff {
    /// To whom.
    pub agent: String,
    /// What the other is shown.
    pub context: HandOffContext,
}

/// What an agent is shown of the conversation when it takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandOffContext {
    /// Everything: earlier turns, this one, and what was said and called in it.
    Full,
    /// What the person said in this turn, and nothing else.
    Fresh,
    /// This turn: what the person said, and what was said and called since.
    LastTurn,
}

impl HandOffContext {
    /// Every context.
    pub const ALL: [Self; 3] = [Self::Full, Self::Fresh, Self::LastTurn];

    /// The name in agent files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Fresh => "fresh",
            Self::LastTurn => "last_turn",
        }
    }
}

impl HandOff {
    /// What the tools are called by which a model hands off.
    pub const TOOL_PREFIX: &str = "transfer_to_";

    /// The name of the tool by which a model hands off to `agent`.
    #[must_use]
    pub fn tool_name(agent: &str) -> String {
        format!("{}{agent}", Self::TOOL_PREFIX)
    }
}

/// What a tool is called by which an agent asks `agent`.
#[must_use]
pub(crate) fn asking(agent: &str) -> String {
    format!("{ASKING}{agent}")
}

const ASKING: &str = "ask_";

/// The agent that a tool of this name asks.
#[must_use]
pub(crate) fn asked_by(tool: &str) -> Option<&str> {
    tool.strip_prefix(ASKING)
}

impl HostedAgent {
    /// The agent that a tool of this name asks, when the bundle holds it.
    #[must_use]
    pub fn asked_by(&self, tool: &str) -> Option<&str> {
        let asked = asked_by(tool)?;
        let mut agents = self.bundle.agents.iter();
        agents.find(|agent| *agent == asked).map(String::as_str)
    }

    /// The hand-off to this agent.
    #[must_use]
    pub fn handoff_to(&self, agent: &str) -> Option<&HandOff> {
        self.handoffs.iter().find(|handoff| handoff.agent == agent)
    }

    /// The hand-off that a tool of this name stands for.
    #[must_use]
    pub fn handoff_by_tool(&self, tool: &str) -> Option<&HandOff> {
        self.handoff_to(tool.strip_prefix(HandOff::TOOL_PREFIX)?)
    }

    /// Whether a person is asked before this tool is called.
    #[must_use]
    pub fn asks_before(&self, tool: &str) -> bool {
        self.bundle.approval.iter().any(|asked| asked == tool)
    }

    /// Whether the bundle holds this tool.
    #[must_use]
    pub fn has_tool(&self, tool: &str) -> bool {
        self.bundle.tools.iter().any(|held| held == tool)
    }
}
