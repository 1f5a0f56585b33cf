//! One handle, two engines, and the macros that let a query be written once.

use std::time::Duration;

use chancery_ambient::{Fault, Timestamp};
use diesel::dsl::sql;
use diesel_async::{
    AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection, pooled_connection::deadpool::Pool,
};

use crate::{
    DatabaseUrl,
    codec::{Instant, Stored},
    postgres,
    sqlite::{self, Sqlite},
};

/// An open database. Cheap to clone.
///
/// **Where it may be used.** On a multi-thread tokio runtime alone, the one it was opened on, and a call that was begun is
/// awaited to its end. Diesel's SQLite wrapper, dropped in the middle of a statement, waits for that statement: on a
/// current-thread runtime (an actix worker) that panics, and takes the worker's other connections with it. So no handler
/// polls a store; it hands the call to the main runtime and waits for the answer.
///
/// **How long a statement may take.** Postgres ends one after [`DatabaseSettings::statement_timeout`]. SQLite has a way to
/// interrupt a statement too, but diesel offers no safe way to it, so there a statement is bounded by what it touches: every
/// one reads or writes a bounded number of rows by an index. Waiting for SQLite's write lock ends after
/// [`DatabaseSettings::pool_wait`] within the process and five seconds between processes.
#[derive(Clone)]
pub struct Database {
    pub(crate) engine: Engine,
}

/// The pools behind a [`Database`].
#[derive(Clone)]
pub(crate) enum Engine {
    /// SQLite has one writer: its pool of one connection is a fair queue. The readers refuse to write.
    Sqlite {
        writer: Pool<Sqlite>,
        readers: Pool<Sqlite>,
    },
    /// Every connection reads and writes.
    Postgres(Pool<AsyncPgConnection>),
}

/// Sizes and bounds.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// Most connections to Postgres. SQLite has one writer and as many readers as this says, at most four.
    pub pool_size: usize,
    /// How long a call waits for a connection of the pool.
    pub pool_wait: Duration,
    /// How long a new connection to Postgres may take, from the name look-up to the first answer.
    pub connect_timeout: Duration,
    /// How long Postgres works on one statement, and how long it keeps a transaction whose client says nothing.
    pub statement_timeout: Duration,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            pool_size: 8,
            pool_wait: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(5),
        }
    }
}

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The SQLite file is not there and cannot be made, or is not ours to read and write.
    #[error("the database file {path} cannot be opened")]
    File {
        /// Which file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file of trusted certificates (`sslrootcert`) is of no use.
    #[error("the certificates in {path} cannot be used: {reason}")]
    Certificates {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The settings make no pool.
    #[error("no connection pool can be made")]
    Pool(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Database {
    /// Makes the pools. Postgres is asked for nothing yet; a SQLite file is made when it is missing.
    pub fn open(url: &DatabaseUrl, settings: &DatabaseSettings) -> Result<Self, OpenError> {
        let engine = match url {
            DatabaseUrl::Sqlite(path) => sqlite::open(path, settings)?,
            DatabaseUrl::Postgres(address) => Engine::Postgres(postgres::open(address, settings)?),
        };
        Ok(Self { engine })
    }

    /// The database's own time; `None` for a file, which has none.
    #[tracing::instrument(name = "store_sql.time", skip_all)]
    pub async fn time(&self) -> Result<Option<Timestamp>, Fault> {
        let Engine::Postgres(_) = &self.engine else {
            return Ok(None);
        };
        let now = diesel::select(sql::<Instant>("clock_timestamp()"));
        let told: Stored<Timestamp> = read!(self, |conn| now.get_result(conn).await)?;
        Ok(Some(told.0))
    }

    /// Whether the database answers.
    #[tracing::instrument(name = "store_sql.ping", skip_all)]
    pub async fn ping(&self) -> Result<(), Fault> {
        read!(self, |conn| conn.batch_execute("SELECT 1").await)
    }
}

/// Expands one written body against the connection of whichever engine is open; `$pool` is the one of SQLite's pools to use.
/// The body ends in a `QueryResult`, the whole in a `Result<_, Fault>`; `?` in the body leaves the body alone.
macro_rules! on_engine {
    ($database:expr, $pool:ident, |$conn:ident| $body:expr) => {
        match &$database.engine {
            $crate::database::Engine::Sqlite { $pool: pool, .. } => {
                let mut pooled = pool.get().await.map_err($crate::fault::no_connection)?;
                let $conn = &mut *pooled;
                async { $body }.await.map_err($crate::fault::failed)
            }
            $crate::database::Engine::Postgres(pool) => {
                let mut pooled = pool.get().await.map_err($crate::fault::no_connection)?;
                let $conn = &mut *pooled;
                async { $body }.await.map_err($crate::fault::failed)
            }
        }
    };
}

/// Statements that read: `read!(self.0, |conn| users::table.find(id).first(conn).await.optional())`.
macro_rules! read {
    ($database:expr, |$conn:ident| $body:expr) => {
        $crate::database::on_engine!($database, readers, |$conn| $body)
    };
}

/// As `read!`, for one statement that changes rows.
macro_rules! write_one {
    ($database:expr, |$conn:ident| $body:expr) => {
        $crate::database::on_engine!($database, writer, |$conn| $body)
    };
}

/// Several statements as one change. The body is moved into the transaction and ends in a `Result<A, Undone<A>>`: what it
/// answers, or why it is rolled back; the whole is a `Result<A, Fault>`. SQLite takes its write lock at the start, so that
/// writers queue instead of failing half-way.
macro_rules! transaction {
    ($database:expr, |$conn:ident| $body:expr) => {
        $crate::fault::settled(match &$database.engine {
            $crate::database::Engine::Sqlite { writer, .. } => {
                let mut pooled = writer.get().await.map_err($crate::fault::no_connection)?;
                (*pooled)
                    .immediate_transaction(async move |$conn: &mut $crate::sqlite::Sqlite| $body)
                    .await
            }
            $crate::database::Engine::Postgres(pool) => {
                let mut pooled = pool.get().await.map_err($crate::fault::no_connection)?;
                diesel_async::AsyncConnection::transaction(
                    &mut *pooled,
                    async move |$conn: &mut diesel_async::AsyncPgConnection| $body,
                )
                .await
            }
        })
    };
}

pub(crate) use {on_engine, read, transaction, write_one};

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chancery_ambient::Fault;
    use diesel::prelude::*;
    use diesel_async::RunQueryDsl;

    use super::{Database, DatabaseSettings, Engine};
    use crate::{DatabaseUrl, Migrator, OpenError, fault::Undone, schema::events::outbox};

    async fn migrated(folder: &tempfile::TempDir, settings: &DatabaseSettings) -> Database {
        let url = DatabaseUrl::parse(&format!("sqlite:{}", folder.path().join("x.db").display())).unwrap();
        let database = Database::open(&url, settings).unwrap();
        Migrator::new(&database).run().await.unwrap();
        database
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_write_through_the_readers_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let database = migrated(&folder, &DatabaseSettings::default()).await;
        let delete = async |database: &Database| {
            read!(database, |conn| diesel::delete(outbox::table).execute(conn).await)
        };
        assert!(matches!(delete(&database).await, Err(Fault::Unavailable(_))));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_undone_transaction_leaves_nothing_and_still_answers() {
        let folder = tempfile::tempdir().unwrap();
        let database = migrated(&folder, &DatabaseSettings::default()).await;
        let undone = async |database: &Database| {
            transaction!(database, |conn| {
                diesel::sql_query(SAMPLE_EVENT).execute(conn).await?;
                Err(Undone::Answer("undone"))
            })
        };
        assert_eq!(undone(&database).await.unwrap(), "undone");
        let count = async |database: &Database| {
            read!(database, |conn| outbox::table
                .count()
                .get_result::<i64>(conn)
                .await)
        };
        assert_eq!(count(&database).await.unwrap(), 0);
        let write = async |database: &Database| {
            write_one!(database, |conn| diesel::sql_query(SAMPLE_EVENT)
                .execute(conn)
                .await)
        };
        write(&database).await.unwrap();
        assert_eq!(count(&database).await.unwrap(), 1);
    }

    const SAMPLE_EVENT: &str = "INSERT INTO outbox (id, tenant_id, kind, subject, at, payload)
        VALUES (randomblob(16), randomblob(16), 'user.created', 's', 0, '{}')";

    #[tokio::test(flavor = "multi_thread")]
    async fn a_call_that_gets_no_connection_in_time_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let impatient = DatabaseSettings {
            pool_wait: Duration::from_millis(20),
            ..DatabaseSettings::default()
        };
        let database = migrated(&folder, &impatient).await;
        let Engine::Sqlite { writer, .. } = &database.engine else {
            panic!("it is a file");
        };
        let held = writer.get().await.unwrap();
        let write = async |database: &Database| {
            write_one!(database, |conn| diesel::delete(outbox::table).execute(conn).await)
        };
        assert!(matches!(write(&database).await, Err(Fault::Unavailable(_))));
        // Whoever reads does not wait for whoever writes.
        database.ping().await.unwrap();
        drop(held);
        write(&database).await.unwrap();
    }

    #[cfg(unix)]
    #[tokio::test(flavor = "multi_thread")]
    async fn the_files_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let _database = migrated(&folder, &DatabaseSettings::default()).await;
        let files: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert!(files.len() > 1, "the log stands beside the file");
        for file in files {
            assert_eq!(
                file.metadata().unwrap().permissions().mode() & 0o777,
                0o600,
                "{:?}",
                file.path()
            );
        }
    }

    #[test]
    fn a_file_in_a_folder_that_is_missing_is_refused_at_once() {
        let url = DatabaseUrl::parse("sqlite:/no/such/folder/x.db").unwrap();
        let refused = Database::open(&url, &DatabaseSettings::default());
        assert!(matches!(refused, Err(OpenError::File { .. })));
    }
}
