#![doc = include_str!("../README.md")]

mod bearer;
mod refused;
mod verify;

pub use bearer::{Bearer, BearerAuth};
pub use refused::{BearerRefused, Cause};
pub use verify::{Unverified, VerifyBearer};
