//! What is wrong with the files of hosted agents.

use std::fmt;

/// The agents of a server were refused: every fault, one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct AgentsRefused(pub Vec<AgentFault>);

impl fmt::Display for AgentsRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

/// One fault, with what mends it: `triage.toml:12: bundle.tools: there is no tool called x; use one of …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentFault {
    /// The file.
    pub file: String,
    /// The line, from 1; `None` where no line is at fault: there is no such file.
    pub line: Option<usize>,
    /// The key in it, dotted; empty for the file as a whole.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl AgentFault {
    /// A fault, on one line whatever the parts hold.
    pub(super) fn new(
        file: &str,
        line: Option<usize>,
        key: &str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            file: on_one_line(file),
            line,
            key: on_one_line(key),
            problem: on_one_line(&problem.into()),
            remedy: on_one_line(&remedy.into()),
        }
    }
}

impl fmt::Display for AgentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}; {}", self.problem, self.remedy)
    }
}

fn on_one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
