#![doc = include_str!("../README.md")]

mod body;
mod params;
pub mod problem;
mod secret_names;
mod sse;
