#![doc = include_str!("../README.md")]

mod answer;
mod bounds;
mod chat_completions;
mod failure;
mod fields;
mod model;
mod responses;
mod retry;
mod settings;

pub use model::OpenAiModel;
pub use settings::{Api, OpenAiSettings, SettingsError};
