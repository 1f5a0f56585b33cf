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
    /// What it may use.
    pub bundle: Bundle,
    /// Whom it may hand to.
    pub handoffs: Vec<HandOff>,
    /// What is kept from it, and from those who read it.
    pub guardrails: Guardrails,
}

/// The tools of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// Their names.
    pub tools: Vec<String>,
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

impl HostedAgent {
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
