//! One handle, two engines, and the macros that let a query be written once.

use std::time::Duration;

use chancery_ambient::Fault;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection, pooled_connection::deadpool::Pool};

use crate::{
    DatabaseUrl, postgres,
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
