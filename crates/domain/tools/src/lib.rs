#![doc = include_str!("../README.md")]

mod arguments;
mod catalogue;
mod declaration;
mod get_current_time;
mod tool;

pub use arguments::{MAX_ARGUMENT_DEPTH, check_arguments};
pub use catalogue::{ToolCatalogue, ToolCatalogueError};
pub use declaration::{
    Declaration, HttpDeclaration, McpDeclaration, McpTool, McpTransport, Method, ToolFault, ToolsRefused,
    Variables, read,
};
pub use get_current_time::GetCurrentTime;
pub use tool::{ApprovalPolicy, CostClass, Tool, ToolError, ToolKind, ToolLimits, ToolOutput, ToolSpec};
