//! What is wrong with the files of tools.

use std::fmt;

/// The tools of a server were refused: every fault, one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ToolsRefused(pub Vec<ToolFault>);

impl fmt::Display for ToolsRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// One fault, with what mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolFault {
    /// The file.
    pub file: String,
    /// The line in it, from 1.
    pub line: usize,
    /// The key at fault, dotted; empty when the reader's message names it.
    pub key: &'static str,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for ToolFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            key,
            problem,
            remedy,
        } = self;
        let told = if key.is_empty() {
            format!("{file}:{line}: {problem}; {remedy}")
        } else {
            format!("{file}:{line}: {key}: {problem}; {remedy}")
        };
        // One line, whatever the file holds.
        let on_one_line = told.chars().map(|c| if c.is_control() { ' ' } else { c });
        f.write_str(&on_one_line.collect::<String>())
    }
}
