//! Which checks stand at which stage.

use std::{fmt, sync::Arc};

use super::{
    Action, Check, Stage,
    detect::{Detector, Settings},
};

/// Rules for all four stages, under one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// No secret reaches a reader.
    Minimal,
    /// And nobody talks the agent out of its instructions: neither a person nor what a tool gives back.
    Standard,
    /// And no personal data goes in or out.
    Strict,
}

impl Preset {
    /// Every preset.
    pub const ALL: &'static [Self] = &[Self::Minimal, Self::Standard, Self::Strict];

    /// The name in agent files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "minimal",
            Self::Standard => "standard",
            Self::Strict => "strict",
        }
    }

    /// For people.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Minimal => "No secret reaches a reader",
            Self::Standard => "And nobody talks the agent out of its instructions",
            Self::Strict => "And no personal data goes in or out",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|one| one.as_str() == name)
    }

    /// Its checks at a stage.
    #[must_use]
    pub const fn checks(self, stage: Stage) -> &'static [(Check, Action)] {
        use Action::{Block, Redact};
        use Check::{Pii, PromptInjection, Secrets, UrlFilter};
        match (self, stage) {
            (Self::Minimal, Stage::Input | Stage::ToolInput) => &[],
            (Self::Minimal, Stage::Output | Stage::ToolOutput) => &[(Secrets, Redact)],
            (Self::Standard, Stage::Input) => &[(PromptInjection, Block)],
            (Self::Standard, Stage::Output) => &[(Secrets, Redact), (UrlFilter, Redact)],
            (Self::Standard, Stage::ToolInput) => &[(Secrets, Block)],
            (Self::Standard, Stage::ToolOutput) => &[(PromptInjection, Redact), (Secrets, Redact)],
            (Self::Strict, Stage::Input) => &[(PromptInjection, Block), (Secrets, Block), (Pii, Redact)],
            (Self::Strict, Stage::Output) => &[(Secrets, Block), (Pii, Redact), (UrlFilter, Redact)],
            (Self::Strict, Stage::ToolInput) => &[(Secrets, Block), (Pii, Block), (UrlFilter, Block)],
            (Self::Strict, Stage::ToolOutput) => {
                &[(PromptInjection, Block), (Secrets, Redact), (Pii, Redact)]
            }
        }
    }
}

/// The guardrails of an agent, ready to be used.
#[derive(Clone, Default)]
pub struct Guardrails {
    pub(crate) settings: Settings,
    pub(crate) stages: [StageRules; 4],
}

impl Guardrails {
    /// The checks at a stage, in the order of the file.
    pub fn checks(&self, stage: Stage) -> impl Iterator<Item = (Check, Action)> {
        self.rules(stage)
            .rules
            .iter()
            .map(|rule| (rule.check, rule.action))
    }

    /// The rules at a stage, to be added to.
    pub(crate) const fn rules_mut(&mut self, stage: Stage) -> &mut StageRules {
        let [input, output, tool_input, tool_output] = &mut self.stages;
        match stage {
            Stage::Input => input,
            Stage::Output => output,
            Stage::ToolInput => tool_input,
            Stage::ToolOutput => tool_output,
        }
    }

    /// The rules at a stage.
    pub(crate) const fn rules(&self, stage: Stage) -> &StageRules {
        let [input, output, tool_input, tool_output] = &self.stages;
        match stage {
            Stage::Input => input,
            Stage::Output => output,
            Stage::ToolInput => tool_input,
            Stage::ToolOutput => tool_output,
        }
    }
}

/// Two are the same when their files said the same.
impl PartialEq for Guardrails {
    fn eq(&self, other: &Self) -> bool {
        let same = |stage: &Stage| self.checks(*stage).eq(other.checks(*stage));
        self.settings == other.settings && Stage::ALL.iter().all(same)
    }
}

impl Eq for Guardrails {}

impl fmt::Debug for Guardrails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = f.debug_struct("Guardrails");
        for stage in Stage::ALL {
            told.field(stage.as_str(), &self.checks(*stage).collect::<Vec<_>>());
        }
        told.finish_non_exhaustive()
    }
}

/// The rules of one stage.
#[derive(Clone, Default)]
pub(crate) struct StageRules {
    pub(super) rules: Vec<Rule>,
    /// The most bytes, when there is a limit.
    pub(super) most: Option<usize>,
}

/// One check and what follows when it finds something.
#[derive(Clone)]
pub(super) struct Rule {
    pub(super) check: Check,
    pub(super) action: Action,
    /// None for [`Check::Size`].
    pub(super) detectors: Arc<[Detector]>,
}

impl StageRules {
    /// Whether nothing is looked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Adds a check, whose detectors come from the library.
    pub(crate) fn add(
        &mut self,
        check: Check,
        action: Action,
        detectors: Arc<[Detector]>,
        settings: &Settings,
    ) {
        if check == Check::Size {
            self.most = settings.max_bytes;
        }
        self.rules.push(Rule {
            check,
            action,
            detectors,
        });
    }
}
