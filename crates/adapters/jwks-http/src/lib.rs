#![doc = include_str!("../README.md")]

mod document;
mod error;
mod remote_keys;
mod remote_verifier;

pub use error::{FetchFailed, RemoteKeysError, Unverifiable};
pub use remote_keys::{COOL_DOWN, KEPT_WITHOUT_NEWS, RemoteKeys};
pub use remote_verifier::RemoteVerifier;

#[cfg(test)]
mod tests;
