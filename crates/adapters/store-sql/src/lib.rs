#![doc = include_str!("../README.md")]

mod accounts;
mod address;
mod apps;
mod audit;
mod codec;
mod conversations;
mod database;
mod fault;
mod key_replicas;
mod key_sets;
mod migrator;
mod outbox;
mod postgres;
mod refresh_families;
mod revocations;
mod runs;
mod schema;
mod service_tokens;
mod sqlite;

pub use accounts::SqlAccounts;
pub use address::{DatabaseUrl, DatabaseUrlError, PostgresAddress};
pub use apps::SqlApps;
pub use audit::SqlAudit;
pub use conversations::SqlConversations;
pub use database::{Database, DatabaseSettings, OpenError};
pub use key_replicas::SqlKeyReplicas;
pub use key_sets::{SqlKeySets, SqlKeyWitness};
pub use migrator::{MigrationStatus, Migrator};
pub use outbox::SqlOutbox;
pub use refresh_families::SqlRefreshFamilies;
pub use revocations::SqlRevocations;
pub use runs::SqlRuns;
pub use service_tokens::SqlServiceTokens;
