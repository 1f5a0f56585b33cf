#![doc = include_str!("../README.md")]

mod email;
mod member;
mod password;
mod ports;

pub use email::{EmailAddress, EmailError};
pub use member::{FirstOwner, Login, Member, Membership, TenantState, UserState};
pub use password::PasswordHash;
pub use ports::{AccountSystemStore, MemberStore};
