#![doc = include_str!("../README.md")]

mod tavily;
mod web_search;

pub use web_search::WebSearch;
