#![doc = include_str!("../README.md")]

mod algorithm;
mod base64url;
pub mod der;
mod error;
mod jwk_members;
mod jwk_set;
pub mod jws;
mod key_id;
mod pkcs8;
mod public_jwk;
mod randomness;
mod signing_key;
pub mod strict_json;
mod verifying_key;

pub use algorithm::{Algorithm, KeyType, UnknownAlgorithm};
pub use error::{JwsError, KeyError, SigningFailed};
pub use jwk_set::JwkSet;
pub use key_id::{KeyId, KeyIdError};
pub use pkcs8::PrivateKeyInfo;
pub use public_jwk::PublicJwk;
pub use signing_key::SigningKey;
pub use verifying_key::{BadSignature, VerifyingKey};
