#![doc = include_str!("../README.md")]

mod client;
mod error;
mod form;
mod introspect;
mod jwks;
mod metadata;
mod register;
mod routes;
mod state;
mod token;
mod userinfo;

pub use routes::{configure, describe};
pub use state::{OAuth, Published};

#[cfg(test)]
mod tests;
