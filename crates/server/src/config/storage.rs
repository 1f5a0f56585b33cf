//! Where things are kept.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use url::Url;

use super::Source;

/// Databases, Redis and where keys are kept.
#[derive(Debug)]
pub(crate) struct Storage {
    /// `DATABASE_URL`; by default SQLite under `DATA_DIR`. Holds a password, so it is secret.
    pub database_url: SecretString,
    /// Whether that is Postgres.
    pub postgres: bool,
    /// `DATABASE_POOL_SIZE`: connections to Postgres, readers of SQLite.
    pub pool_size: usize,
    /// `AUTO_RUN_MIGRATIONS`: by default on SQLite alone.
    pub auto_migrate: bool,
    /// `REDIS_URL`.
    pub redis_url: Option<SecretString>,
    /// `AUTH_KEY_STORAGE_BACKEND`.
    pub keys: KeyStorage,
    /// The Vault that keeps keys and checks the requests of service accounts, where there is one.
    pub vault: Option<Vault>,
}

/// Where signing keys are kept.
#[derive(Debug)]
pub(crate) enum KeyStorage {
    /// `file`: in files of this folder (`AUTH_KEY_STORAGE_PATH`).
    Files(PathBuf),
    /// `sql`: in the database, sealed with the first of these (`AUTH_KEY_ENCRYPTION_KEYS`, or the file that
    /// `AUTH_KEY_ENCRYPTION_KEYS_FILE` names).
    Sql(SecretString),
    /// `secret-manager`: in Vault's KV engine, at `AUTH_KEY_SECRET_NAME`: `<mount>/data/<path>`.
    Vault(Vault, String),
}

/// How Vault is reached.
#[derive(Debug, Clone)]
pub(crate) struct Vault {
    /// `VAULT_ADDR`.
    pub address: Url,
    /// `VAULT_TOKEN`.
    pub token: SecretString,
    /// `VAULT_NAMESPACE`.
    pub namespace: Option<String>,
}

impl Storage {
    pub(super) fn read(source: &mut Source, data_dir: &Path, development: bool) -> Self {
        let url = source
            .text("DATABASE_URL")
            .unwrap_or_else(|| format!("sqlite:{}", data_dir.join("chancery.db").display()));
        let postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
        let redis_url = source.text("REDIS_URL").map(SecretString::from);
        let vault = Vault::read(source);
        let keys = KeyStorage::read(source, data_dir, vault.as_ref());
        if postgres && !development {
            if matches!(keys, KeyStorage::Files(_)) {
                source.refuse(
                    "AUTH_KEY_STORAGE_BACKEND",
                    "must be sql or secret-manager with Postgres outside development: replicas share their keys",
                );
            }
            if redis_url.is_none() {
                source.refuse("REDIS_URL", "is needed with Postgres outside development");
            }
        }
        Self {
            postgres,
            database_url: url.into(),
            pool_size: usize::try_from(source.number("DATABASE_POOL_SIZE", 8, 1..=200)).unwrap_or(8),
            auto_migrate: source.flag("AUTO_RUN_MIGRATIONS").unwrap_or(!postgres),
            redis_url,
            keys,
            vault,
        }
    }
}

impl KeyStorage {
    fn read(source: &mut Source, data_dir: &Path, vault: Option<&Vault>) -> Self {
        let folder = source
            .text("AUTH_KEY_STORAGE_PATH")
            .map_or_else(|| data_dir.join("keys"), PathBuf::from);
        // Read whichever is used, so that a setting for another one is no unknown name.
        let sealing = sealing_keys(source);
        let secret_name = source
            .text("AUTH_KEY_SECRET_NAME")
            .unwrap_or_else(|| "secret/data/chancery/keys".to_owned());
        match source.text("AUTH_KEY_STORAGE_BACKEND").as_deref() {
            None | Some("file") => return Self::Files(folder),
            Some("sql") => match sealing {
                Some(keys) => return Self::Sql(keys),
                None => source.refuse(
                    "AUTH_KEY_ENCRYPTION_KEYS",
                    "must be set with AUTH_KEY_STORAGE_BACKEND=sql: `id:` and the base64 of 32 random bytes",
                ),
            },
            Some("secret-manager") => match vault {
                Some(vault) => return Self::Vault(vault.clone(), secret_name),
                None => source.refuse(
                    "VAULT_ADDR",
                    "and VAULT_TOKEN must be set with AUTH_KEY_STORAGE_BACKEND=secret-manager",
                ),
            },
            Some(_) => source.refuse("AUTH_KEY_STORAGE_BACKEND", "must be file, sql or secret-manager"),
        }
        // Refused above: nothing is built from it.
        Self::Files(folder)
    }
}

impl Vault {
    fn read(source: &mut Source) -> Option<Self> {
        let text = source.text("VAULT_ADDR");
        let address: Option<Url> = text.as_ref().and_then(|text| text.parse().ok());
        if text.is_some() && address.is_none() {
            source.refuse("VAULT_ADDR", "must be an http or https address");
        }
        let token = source.text("VAULT_TOKEN").map(SecretString::from);
        let namespace = source.text("VAULT_NAMESPACE");
        if address.is_some() != token.is_some() {
            source.refuse("VAULT_ADDR", "and VAULT_TOKEN go together");
        }
        Some(Self {
            address: address?,
            token: token?,
            namespace,
        })
    }
}

/// The list itself, or what stands in the file that a secret store has put beside us.
fn sealing_keys(source: &mut Source) -> Option<SecretString> {
    let list = source.text("AUTH_KEY_ENCRYPTION_KEYS");
    let file = source.text("AUTH_KEY_ENCRYPTION_KEYS_FILE");
    match (list, file) {
        (Some(_), Some(_)) => {
            source.refuse(
                "AUTH_KEY_ENCRYPTION_KEYS",
                "and AUTH_KEY_ENCRYPTION_KEYS_FILE exclude each other",
            );
            None
        }
        (Some(list), None) => Some(list.into()),
        (None, Some(file)) => match std::fs::read_to_string(&file) {
            Ok(list) => Some(list.trim().to_owned().into()),
            Err(error) => {
                source.refuse(
                    "AUTH_KEY_ENCRYPTION_KEYS_FILE",
                    &format!("cannot be read: {error}"),
                );
                None
            }
        },
        (None, None) => None,
    }
}
