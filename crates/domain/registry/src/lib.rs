#![doc = include_str!("../README.md")]

mod app;
mod assertion;
mod authenticate;
#[cfg(feature = "contract")]
pub mod contract;
mod error;
mod grants;
mod known;
mod ports;
mod register;
mod secret;
mod service;

pub use app::{App, AppCredential, AppKeys, AppName, AppNameError, BadKeys, StandingApp};
pub use authenticate::ClientCredentials;
pub use error::{AppsRefused, ClientRefused, GrantRefused};
pub use grants::{ClientExchange, Told};
pub use ports::{AppStore, AppSystemStore};
pub use register::{NewApp, NewCredential, Registered};
pub use secret::{AppSecret, SecretDigest};
pub use service::{AppService, AppServiceParts, AppServiceSettings};
