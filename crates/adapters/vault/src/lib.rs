#![doc = include_str!("../README.md")]

mod breaker;
mod client;
mod error;
#[cfg(test)]
mod fake;
mod keys;
mod names;
mod secret;
mod settings;
mod signature;
mod transit;

pub use client::VaultClient;
pub use error::VaultError;
pub use keys::VaultKeys;
pub use names::{BadName, KeyPath, TransitKey};
pub use settings::{SettingsError, VaultSettings};
pub use transit::Transit;
