#![doc = include_str!("../README.md")]

mod jwks;
mod metadata;
mod routes;

pub use routes::{OAuth, configure, describe};

#[cfg(test)]
mod tests;
