#![doc = include_str!("../README.md")]

#[cfg(feature = "contract")]
pub mod contract;
mod error;
mod family;
mod pepper_list;
mod peppers;
mod ports;
mod refresh;
mod service;
mod session;

pub use error::{EndRefused, RefreshRefused, TokensError};
pub use family::{Binding, Family, Rotation, SealedToken, TokenMac};
pub use pepper_list::{PepperError, PepperList, UNNAMED_PEPPER};
pub use peppers::Peppers;
pub use ports::{EndReason, RefreshFamilySystemStore};
pub use refresh::OpenRefresh;
pub use service::{TokenService, TokenSettings};
pub use session::{Authority, SessionGrant, TokenPair};
