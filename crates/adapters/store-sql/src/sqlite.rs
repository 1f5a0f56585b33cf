//! The embedded engine: one file, one writer, some readers.

use std::{fs::OpenOptions, io};

use diesel::{ConnectionError, QueryResult, SqliteConnection};
use diesel_async::{
    AsyncConnection, SimpleAsyncConnection,
    pooled_connection::{
        AsyncDieselConnectionManager as Manager, ManagerConfig, RecyclingMethod,
        deadpool::{BuildError, Pool},
    },
    sync_connection_wrapper::SyncConnectionWrapper,
};

use crate::{DatabaseSettings, OpenError, database::Engine};

/// SQLite behind diesel's async wrapper, which runs each statement on a blocking thread.
pub(crate) type Sqlite = SyncConnectionWrapper<SqliteConnection>;

const MOST_READERS: usize = 4;

const SET_UP_TRIES: u32 = 10;

/// In write-ahead mode a commit is a write to the log. With `synchronous=NORMAL` it is not synced to the disk one by one:
/// what was committed survives the death of the process (SIGKILL), which is what a turn is promised; after a loss of power
/// the newest commits may be gone, and the file is whole. `FULL` would cost a sync for every turn.
const WRITER: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; \
                      PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;";

/// Readers refuse to write, so that a statement that went to the wrong pool fails in its first test.
const READER: &str = "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA trusted_schema = OFF;";

/// The pools over the file at `path`, which is made when it is missing.
pub(crate) fn open(path: &str, settings: &DatabaseSettings) -> Result<Engine, OpenError> {
    make_file(path).map_err(|source| OpenError::File {
        path: path.to_owned(),
        source,
    })?;
    let pool =
        |size, pragmas| pool(path, size, settings, pragmas).map_err(|error| OpenError::Pool(error.into()));
    Ok(Engine::Sqlite {
        writer: pool(1, WRITER)?,
        readers: pool(settings.pool_size.clamp(1, MOST_READERS), READER)?,
    })
}

/// Turning a new file to the write-ahead log does not wait for another program that is doing the same; beginning a
/// transaction does. So a refused attempt waits behind one and is made again.
async fn set_up(connection: &mut Sqlite, pragmas: &str) -> QueryResult<()> {
    for _ in 1..SET_UP_TRIES {
        if connection.batch_execute(pragmas).await.is_ok() {
            return Ok(());
        }
        let _ = connection.batch_execute("BEGIN IMMEDIATE; COMMIT").await;
    }
    connection.batch_execute(pragmas).await
}

/// Makes the file for its owner's eyes alone: it holds password hashes. The files that SQLite puts beside it take after it.
fn make_file(path: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn pool(
    path: &str,
    size: usize,
    settings: &DatabaseSettings,
    pragmas: &'static str,
) -> Result<Pool<Sqlite>, BuildError> {
    let mut config = ManagerConfig::<Sqlite>::default();
    // A file does not go away; asking it before every use would cost a statement.
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |path| {
        let path = path.to_owned();
        Box::pin(async move {
            let mut connection = Sqlite::establish(&path).await?;
            set_up(&mut connection, pragmas)
                .await
                .map_err(ConnectionError::CouldntSetupConfiguration)?;
            Ok(connection)
        })
    });
    Pool::builder(Manager::new_with_config(path, config))
        .max_size(size)
        .wait_timeout(Some(settings.pool_wait))
        .runtime(deadpool::Runtime::Tokio1)
        .build()
}
