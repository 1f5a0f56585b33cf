#![doc = include_str!("../README.md")]

mod agents;
mod auth;
mod body;
mod caller;
mod client;
mod conversations;
mod envelope;
mod guardrails;
mod params;
mod people;
pub mod problem;
mod routes;
mod runs;
mod secret_names;
mod service_accounts;
mod sse;
mod state;
mod tools;
mod usage;

pub use client::ClientAddress;
pub use routes::{configure, describe, security};
pub use state::Api;
