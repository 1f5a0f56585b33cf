#![doc = include_str!("../README.md")]

mod error;
mod folder;
mod source_format;
mod store;

pub use store::KeyFiles;
