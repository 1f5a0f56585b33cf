//! Where things are kept.

use std::path::{Path, PathBuf};

use secrecy::SecretString;

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
}

/// Where signing keys are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeyStorage {
    /// In files of this folder.
    Files(PathBuf),
}

impl Storage {
    pub(super) fn read(source: &mut Source, data_dir: &Path, development: bool) -> Self {
        let url = source
            .text("DATABASE_URL")
            .unwrap_or_else(|| format!("sqlite:{}", data_dir.join("chancery.db").display()));
        let postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
        let redis_url = source.text("REDIS_URL").map(SecretString::from);
        match source.text("AUTH_KEY_STORAGE_BACKEND").as_deref() {
            None | Some("file") => {}
            Some("sql" | "secret-manager") => {
                source.refuse("AUTH_KEY_STORAGE_BACKEND", "only `file` is built so far");
            }
            Some(_) => source.refuse("AUTH_KEY_STORAGE_BACKEND", "must be file, sql or secret-manager"),
        }
        let folder = source
            .text("AUTH_KEY_STORAGE_PATH")
            .map_or_else(|| data_dir.join("keys"), PathBuf::from);
        if postgres && !development {
            source.refuse(
                "AUTH_KEY_STORAGE_BACKEND",
                "replicas over one Postgres need shared key storage, which is not built yet; set ENVIRONMENT=development to \
                 run with keys in a file",
            );
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
            keys: KeyStorage::Files(folder),
        }
    }
}
