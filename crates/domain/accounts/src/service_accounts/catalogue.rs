//! The accounts there are.

use std::{collections::BTreeMap, time::Duration};

use chancery_access::{Scope, Scopes};
use serde::Deserialize;

/// The Transit key that signs for accounts which name none.
pub const DEFAULT_VAULT_KEY: &str = "auth-service";

/// One account, as the catalogue describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its name: `[a-z0-9-]`, 3 to 64 of them.
    pub account: String,
    /// What it is for.
    pub description: String,
    /// The most it may ever be allowed.
    pub allowed_scopes: Scopes,
    /// Whether its tokens are for one tenant. A global account's are for none.
    pub requires_tenant: bool,
    /// How long a token lives, and the most that a request may ask for.
    pub default_life: Duration,
    /// The most an operator could allow.
    pub max_life: Duration,
    /// The key of Vault's Transit engine whose signature a request needs.
    pub vault_key: String,
}

/// Every account, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccountCatalogue(BTreeMap<String, ServiceAccount>);

/// What is wrong with a catalogue, a line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct CatalogueError(pub Vec<String>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    service_accounts: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    account: String,
    description: String,
    allowed_scopes: Vec<String>,
    #[serde(default = "yes")]
    requires_tenant: bool,
    default_ttl_minutes: Option<u64>,
    max_ttl_minutes: u64,
    vault_key: Option<String>,
}

const fn yes() -> bool {
    true
}

/// Tokens that live longer than the kind of token may are no tokens.
const LONGEST_MINUTES: u64 = 30 * 24 * 60;

impl ServiceAccountCatalogue {
    /// Reads a catalogue in TOML: a list `[[service_accounts]]`.
    pub fn parse(text: &str) -> Result<Self, CatalogueError> {
        let file: File = toml::from_str(text).map_err(|error| CatalogueError(vec![error.to_string()]))?;
        let mut faults = Vec::new();
        if file.service_accounts.is_empty() {
            faults.push("a catalogue has at least one service account".to_owned());
        }
        let mut accounts = BTreeMap::new();
        for entry in file.service_accounts {
            let name = entry.account.clone();
            let Some(account) = entry.check(&mut faults) else {
                continue;
            };
            if accounts.insert(name.clone(), account).is_some() {
                faults.push(format!("{name}: is there twice"));
            }
        }
        let catalogue = Self(accounts);
        catalogue.check_keys(&mut faults);
        if faults.is_empty() {
            Ok(catalogue)
        } else {
            Err(CatalogueError(faults))
        }
    }

    /// The account of this name.
    #[must_use]
    pub fn find(&self, account: &str) -> Option<&ServiceAccount> {
        self.0.get(account)
    }

    /// By name.
    pub fn iter(&self) -> impl Iterator<Item = &ServiceAccount> {
        self.0.values()
    }

    /// A global account's tokens belong to no tenant, so whoever may sign for a tenant's account must not sign for it too.
    fn check_keys(&self, faults: &mut Vec<String>) {
        for global in self.iter().filter(|account| !account.requires_tenant) {
            let shares = |other: &&ServiceAccount| {
                other.account != global.account && other.vault_key == global.vault_key
            };
            if let Some(other) = self.iter().find(shares) {
                faults.push(format!(
                    "{}: is global and must have a vault_key of its own, which {} has too",
                    global.account, other.account
                ));
            }
        }
    }
}

impl Entry {
    fn check(self, faults: &mut Vec<String>) -> Option<ServiceAccount> {
        let before = faults.len();
        let mut fault = |text: &str| faults.push(format!("{}: {text}", self.account));
        let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(3..=64).contains(&self.account.len()) || !self.account.bytes().all(letters) {
            fault("account has 3 to 64 of a-z, 0-9 and -");
        }
        if self.description.chars().count() < 3 {
            fault("description says what the account is for, in at least 3 characters");
        }
        let scopes: Result<Scopes, _> = self
            .allowed_scopes
            .iter()
            .map(|text| Scope::parse(text))
            .collect();
        if self.allowed_scopes.is_empty() || scopes.is_err() {
            fault("allowed_scopes names at least one scope, written namespace:verb");
        }
        let default = self.default_ttl_minutes.unwrap_or(self.max_ttl_minutes);
        if default == 0 || default > self.max_ttl_minutes || self.max_ttl_minutes > LONGEST_MINUTES {
            fault("default_ttl_minutes is at least 1 and at most max_ttl_minutes, which is at most 43200");
        }
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes.min(LONGEST_MINUTES));
        (faults.len() == before).then(|| ServiceAccount {
            account: self.account,
            description: self.description,
            allowed_scopes: scopes.unwrap_or_default(),
            requires_tenant: self.requires_tenant,
            default_life: minutes(default),
            max_life: minutes(self.max_ttl_minutes),
            vault_key: self.vault_key.unwrap_or_else(|| DEFAULT_VAULT_KEY.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::ServiceAccountCatalogue;

    const GOOD: &str = r#"
        [[service_accounts]]
        account = "billing-worker"
        description = "Bills"
        allowed_scopes = ["billing:read", "billing:manage"]
        default_ttl_minutes = 60
        max_ttl_minutes = 120

        [[service_accounts]]
        account = "support-console"
        description = "Helps"
        allowed_scopes = ["support:*"]
        requires_tenant = false
        max_ttl_minutes = 10080
        vault_key = "support"
    "#;

    #[test]
    fn accounts_have_what_the_file_says_and_the_defaults() {
        let catalogue = ServiceAccountCatalogue::parse(GOOD).unwrap();
        let worker = catalogue.find("billing-worker").unwrap();
        assert_eq!(
            (worker.requires_tenant, worker.vault_key.as_str()),
            (true, "auth-service")
        );
        assert_eq!(worker.default_life.as_secs(), 3600);
        let support = catalogue.find("support-console").unwrap();
        assert_eq!(support.default_life, support.max_life);
        assert!(catalogue.find("nobody").is_none());
    }

    #[test]
    fn a_global_account_shares_its_key_with_nobody() {
        let shared = GOOD.replace("vault_key = \"support\"", "");
        let refused = ServiceAccountCatalogue::parse(&shared.replace(
            "max_ttl_minutes = 120",
            "max_ttl_minutes = 120\nvault_key = \"auth-service\"",
        ));
        assert!(refused.unwrap_err().to_string().contains("of its own"));
    }

    #[test]
    fn every_fault_is_told_with_the_account() {
        for (change, by, told) in [
            ("billing-worker", "Billing", "3 to 64"),
            ("support-console", "billing-worker", "twice"),
            ("billing:read", "billing", "namespace:verb"),
            ("default_ttl_minutes = 60", "default_ttl_minutes = 121", "at most"),
            (
                "default_ttl_minutes = 60",
                "default_ttl_minutes = 0",
                "at least 1",
            ),
            ("max_ttl_minutes = 10080", "max_ttl_minutes = 43201", "43200"),
            ("\"Bills\"", "\"B\"", "3 characters"),
            ("description", "descripton", "unknown field"),
        ] {
            let refused = ServiceAccountCatalogue::parse(&GOOD.replacen(change, by, 1)).unwrap_err();
            assert!(refused.to_string().contains(told), "{by}: {refused}");
        }
        let empty = ServiceAccountCatalogue::parse("service_accounts = []").unwrap_err();
        assert!(empty.to_string().contains("at least one"));
    }
}
