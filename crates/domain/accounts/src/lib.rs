#![doc = include_str!("../README.md")]

#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod email;
mod hash_pool;
mod member;
mod owner_password;
mod password;
mod pepper;
mod ports;
mod scheme;
#[cfg(test)]
mod twin;
mod workers;

pub use email::{EmailAddress, EmailError};
pub use hash_pool::{Familiarity, HashPool, HashRefused};
pub use member::{FirstOwner, Login, Member, Membership, TenantState, UserState};
pub use owner_password::{OwnerPassword, WeakPassword};
pub use password::PasswordHash;
pub use pepper::{PasswordPeppers, PepperError};
pub use ports::{AccountSystemStore, MemberStore};
pub use scheme::Verdict;
