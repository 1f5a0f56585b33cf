//! Machines of the tenants: jobs that hold a long-lived token, issued on a request that Vault signed.

mod catalogue;
mod error;
mod issue;
mod payload;
mod ports;
mod service;
mod tokens;
#[cfg(test)]
pub(crate) mod twin;

pub use catalogue::{CatalogueError, DEFAULT_VAULT_KEY, ServiceAccount, ServiceAccountCatalogue};
pub use error::{IssueRefused, RuleBroken, ServiceTokensRefused};
pub use issue::{IssueRequest, IssuedServiceToken, SignedRequest};
pub use payload::PayloadRefused;
pub use ports::{
    NonceMark, PayloadSignatures, ServiceIssue, ServiceIssued, ServiceStanding, ServiceTokenFilter,
    ServiceTokenStore, TokenStatus,
};
pub use service::{IssueLimits, ServiceAccountParts, ServiceAccountService, ServiceAccountSettings};

#[cfg(test)]
mod tests;
