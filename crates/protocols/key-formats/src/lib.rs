#![doc = include_str!("../README.md")]

mod error;
mod pem;
mod private;
mod public;

pub use error::FormatError;
pub use private::{read_private, write_private_pem};
pub use public::{read_public, write_public_pem};

/// The largest document read, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;
