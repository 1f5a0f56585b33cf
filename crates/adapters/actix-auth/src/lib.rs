#![doc = include_str!("../README.md")]

mod bearer;
mod refused;
mod verify;

pub use bearer::{Authenticating, Bearer, BearerAuth};
pub use refused::{BearerRefused, Cause};
pub use verify::{Unverified, Verdict, VerifyBearer};
