#![doc = include_str!("../README.md")]

mod model;
mod rules;

pub use model::OfflineModel;
