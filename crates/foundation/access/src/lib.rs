#![doc = include_str!("../README.md")]

mod principal;
mod role;
mod scope;
mod subject;

pub use principal::{Denied, Principal, Proof};
pub use role::{RoleError, TenantRole};
pub use scope::{Scope, ScopeError, Scopes};
pub use subject::{Subject, SubjectError};
