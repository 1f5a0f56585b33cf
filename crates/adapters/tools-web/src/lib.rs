#![doc = include_str!("../README.md")]

mod guard;
mod http_tool;
mod tavily;
#[cfg(test)]
mod testing;
mod web_search;

pub use guard::{ClientRefused, guarded_client};
pub use http_tool::HttpTool;
pub use web_search::WebSearch;
