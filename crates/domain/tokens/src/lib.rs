#![doc = include_str!("../README.md")]

mod family;
mod ports;

pub use family::{Binding, Family, Rotation, SealedToken, TokenMac};
pub use ports::{EndReason, RefreshFamilySystemStore};
