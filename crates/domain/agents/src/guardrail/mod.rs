//! Guardrails: local rules over what people, models and tools say. They need no model, and take time linear in the text.

mod addresses;
mod detect;
mod hidden;
mod json;
mod pattern;
mod personal;
mod phrases;
mod rules;
mod screen;
mod secrets;
#[cfg(test)]
mod tests;
mod words;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use rules::{Guardrails, Preset};
pub(crate) use {
    detect::{Library, Settings, is_host},
    screen::{Cleaned, Screen, Shown, WINDOW},
};

macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$each])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name: in agent files, in the log and on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The one of this name.
            #[must_use]
            pub fn of(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

names! {
    /// What a guardrail looks at.
    Stage {
        /// What the person says, before any model is asked.
        Input = "input",
        /// What the model says, before anybody reads it.
        Output = "output",
        /// What a tool is called with, before it is called and before anybody reads it.
        ToolInput = "tool_input",
        /// What a tool gives back, before the model or anybody else reads it.
        ToolOutput = "tool_output",
    }
}

names! {
    /// What a guardrail looks for.
    Check {
        /// Phrases that override instructions, markers that stand for another role, and hidden characters.
        PromptInjection = "prompt_injection",
        /// Keys, tokens and passwords in forms that are known.
        Secrets = "secrets",
        /// E-mail addresses, card numbers, IBANs and US social security numbers.
        Pii = "pii",
        /// Addresses of hosts that are not allowed, of bare IPs, and of other schemes than http and https.
        UrlFilter = "url_filter",
        /// Words that the agent's file lists.
        BlockedWords = "blocked_words",
        /// Regular expressions that the agent's file lists.
        Custom = "custom",
        /// More bytes than the agent's file allows.
        Size = "size",
    }
}

names! {
    /// What a guardrail does when it finds what it looks for.
    Action {
        /// The run ends as refused. A call is not made, what a tool gave is withheld, and the run goes on.
        Block = "block",
        /// What was found is replaced by a marker, and all goes on.
        Redact = "redact",
    }
}

/// A guardrail that found something. It never tells what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tripped {
    /// Where.
    pub stage: Stage,
    /// What it looked for.
    pub check: Check,
    /// What it did.
    pub action: Action,
}

impl Check {
    /// For people: what it looks for.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::PromptInjection => {
                "Phrases that override instructions, markers that stand for another role, hidden characters"
            }
            Self::Secrets => "Keys, tokens and passwords in forms that are known",
            Self::Pii => "E-mail addresses, payment card numbers, IBANs, US social security numbers",
            Self::UrlFilter => {
                "Addresses of hosts that are not allowed, of bare IPs, and of other schemes than http and https"
            }
            Self::BlockedWords => "Words that the agent's file lists",
            Self::Custom => "Regular expressions that the agent's file lists",
            Self::Size => "More bytes than the agent's file allows",
        }
    }

    /// For people: what a text has when this check finds something.
    #[must_use]
    pub const fn finding(self) -> &'static str {
        match self {
            Self::PromptInjection => "it holds text that would override instructions, or hidden characters",
            Self::Secrets => "it holds what looks like a key, a token or a password",
            Self::Pii => {
                "it holds what looks like an e-mail address, a card number, an IBAN or a social security number"
            }
            Self::UrlFilter => "it holds an address that is not allowed",
            Self::BlockedWords => "it holds a word that is not allowed",
            Self::Custom => "it matches a rule of this agent",
            Self::Size => "it is too long",
        }
    }

    /// What stands in the place of what was found.
    #[must_use]
    pub fn marker(self) -> String {
        match self {
            Self::Size => "[truncated: size]".to_owned(),
            Self::PromptInjection
            | Self::Secrets
            | Self::Pii
            | Self::UrlFilter
            | Self::BlockedWords
            | Self::Custom => format!("[redacted: {self}]"),
        }
    }
}

impl Tripped {
    /// For people, and for the model: what was refused and why, without a word of it.
    #[must_use]
    pub fn refusal(self) -> String {
        let (check, finding) = (self.check, self.check.finding());
        match self.stage {
            Stage::Input => format!("The message was refused by the guardrail {check}: {finding}."),
            Stage::Output => format!("The answer was stopped by the guardrail {check}: {finding}."),
            Stage::ToolInput => format!("the guardrail {check} refused these arguments: {finding}"),
            Stage::ToolOutput => format!("the guardrail {check} withheld the output: {finding}"),
        }
    }
}
