#![doc = include_str!("../README.md")]

mod audiences;
mod claims;
mod key_ring;
mod kind;
mod numeric_date;
mod refusal;
mod verifier;

pub use audiences::Audiences;
pub use claims::{AccessClaims, Actor, MayAct, RefreshClaims};
pub use key_ring::{KeyRing, KeyRingError};
pub use kind::{
    AudienceRule, DecidedBy, IssuerRule, KeySetName, KindRules, Marker, RevocableBy, TOKEN_KINDS, TokenKind,
};
pub use refusal::Refusal;
pub use verifier::{LEEWAY, UnprovenRefresh, Verifier};
