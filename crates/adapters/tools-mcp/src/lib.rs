#![doc = include_str!("../README.md")]

mod answer;
mod connection;
#[cfg(test)]
mod tests;
mod tool;

pub use tool::mcp_tools;
