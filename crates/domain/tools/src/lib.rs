#![doc = include_str!("../README.md")]

mod tool;

pub use tool::{Tool, ToolError, ToolLimits, ToolOutput, ToolSpec};
