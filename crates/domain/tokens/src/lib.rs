#![doc = include_str!("../README.md")]

mod access_grant;
#[cfg(feature = "contract")]
pub mod contract;
mod error;
mod exchange;
mod family;
mod held;
mod introspect;
mod pepper_list;
mod peppers;
mod ports;
mod refresh;
mod revocation;
mod revocation_feed;
mod revoke;
mod seen;
mod service;
mod service_token;
mod session;
mod sessions;
mod verify;
mod warm;
mod watch;

pub use access_grant::{AccessGrant, IssuedAccess};
pub use error::{
    DelegationRefused, EndRefused, ExchangeRefused, HolderRefused, RefreshRefused, TokenRefused, TokensError,
};
pub use exchange::{ActingClient, ExchangeRequest, MOST_ACTORS};
pub use family::{Binding, Family, Rotation, SealedToken, TokenMac};
pub use held::{HELD_AFTER_EXPIRY, HeldEnd, HeldToken};
pub use introspect::Active;
pub use pepper_list::{PepperError, PepperList, UNNAMED_PEPPER};
pub use peppers::Peppers;
pub use ports::{EndReason, FeedMark, Raised, RefreshFamilySystemStore, RevocationSystemStore, SessionStore};
pub use refresh::OpenRefresh;
pub use revocation::{Revocation, RevocationOrder, Revoked, TokenMarks, Whose};
pub use revocation_feed::{FRESH_FOR, RevocationFeed, Standing};
pub use revoke::RevokeTarget;
pub use seen::{Seen, network_of};
pub use service::{TokenService, TokenSettings, hash_device};
pub use service_token::ServiceGrant;
pub use session::{Authority, SessionGrant, TokenPair};
pub use sessions::MOST_SESSIONS;
pub use verify::{Unconfirmed, Verified};
pub use watch::TokenWatch;
