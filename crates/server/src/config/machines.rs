//! Service accounts, and the Vault that signs for them.

use std::path::PathBuf;

use super::Source;

/// Service accounts.
#[derive(Debug)]
pub(crate) struct Machines {
    /// `SERVICE_ACCOUNT_CATALOG`: a file in place of the embedded catalogue.
    pub catalog: Option<PathBuf>,
    /// `AUTH_VAULT_AUDIENCE`: what signed requests name as their audience; different in each environment.
    pub audience: String,
    /// `SERVICE_ACCOUNT_ISSUE_PER_MINUTE`: tokens for one account.
    pub per_account: u32,
    /// `SERVICE_ACCOUNT_ISSUE_TOTAL_PER_MINUTE`: tokens in all.
    pub together: u32,
}

impl Machines {
    pub(super) fn read(source: &mut Source) -> Self {
        let mut rate =
            |name, usual| u32::try_from(source.number(name, usual, 1..=1_000_000)).unwrap_or(u32::MAX);
        let per_account = rate("SERVICE_ACCOUNT_ISSUE_PER_MINUTE", 5);
        let together = rate("SERVICE_ACCOUNT_ISSUE_TOTAL_PER_MINUTE", 30);
        Self {
            catalog: source.text("SERVICE_ACCOUNT_CATALOG").map(PathBuf::from),
            audience: source
                .text("AUTH_VAULT_AUDIENCE")
                .unwrap_or_else(|| "auth-service".to_owned()),
            per_account,
            together,
        }
    }
}
