#![doc = include_str!("../README.md")]

mod arguments;
mod catalogue;
mod get_current_time;
mod tool;

pub use arguments::{MAX_ARGUMENT_DEPTH, check_arguments};
pub use catalogue::{ToolCatalogue, ToolCatalogueError};
pub use get_current_time::GetCurrentTime;
pub use tool::{Tool, ToolError, ToolLimits, ToolOutput, ToolSpec};
