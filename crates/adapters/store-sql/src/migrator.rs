//! Brings the schema up to date, and tells how it stands.

use chancery_ambient::Fault;
use diesel::{
    backend::Backend,
    migration::{Migration, MigrationSource, MigrationVersion},
};
use diesel_async::{
    AsyncPgConnection, SimpleAsyncConnection,
    async_connection_wrapper::AsyncConnectionWrapper,
    pooled_connection::deadpool::{Object, Pool},
};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{
    Database,
    database::Engine,
    fault::{failed, no_connection},
    sqlite::Sqlite,
};

static SQLITE: EmbeddedMigrations = embed_migrations!("../../../migrations/sqlite");
static POSTGRES: EmbeddedMigrations = embed_migrations!("../../../migrations/postgres");

/// One program migrates at a time; the others wait for it, at most half a minute, and then find nothing left to do. The
/// number is arbitrary and fixed for ever. A migration may take longer than a statement of daily life, but must not queue
/// behind somebody's lock with everybody else queueing behind it.
const LOCK: &str =
    "SET statement_timeout = 0; SET lock_timeout = '30s'; SELECT pg_advisory_lock(7216490327114)";

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Runs and reverts the migrations that are compiled in.
#[derive(Clone)]
pub struct Migrator {
    database: Database,
}

/// Which migrations a database has. Names of folders under `migrations/`; of unknown ones the version alone is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Run, oldest first.
    pub applied: Vec<String>,
    /// Compiled in, not run.
    pub pending: Vec<String>,
    /// Run, not compiled in: by a newer program.
    pub unknown: Vec<String>,
}

impl Migrator {
    /// The migrations of this database.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self {
            database: database.clone(),
        }
    }

    /// Runs what has not been run and tells what it was. On SQLite all of it is one change; on Postgres each migration is.
    #[tracing::instrument(name = "store_sql.migrate", skip_all)]
    pub async fn run(&self) -> Result<Vec<String>, Fault> {
        self.take(Step::RunPending).await.map(|report| report.done)
    }

    /// Undoes the newest migration and tells which it was; `None` when none has been run.
    #[tracing::instrument(name = "store_sql.revert", skip_all)]
    pub async fn revert(&self) -> Result<Option<String>, Fault> {
        let report = self.take(Step::RevertNewest).await?;
        Ok(report.done.into_iter().next())
    }

    /// How the database stands. Changes nothing but, on a new database, the table that keeps count.
    #[tracing::instrument(name = "store_sql.migration_status", skip_all)]
    pub async fn status(&self) -> Result<MigrationStatus, Fault> {
        self.take(Step::Look).await.map(|report| report.status)
    }

    async fn take(&self, step: Step) -> Result<Report, Fault> {
        let taken = match &self.database.engine {
            Engine::Sqlite { writer, .. } => on_sqlite(writer, step).await?,
            Engine::Postgres(pool) => on_postgres(pool, step).await?,
        };
        taken.map_err(Fault::unavailable)
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    RunPending,
    RevertNewest,
    Look,
}

/// What a step did, and how the database stands after it.
struct Report {
    done: Vec<String>,
    status: MigrationStatus,
}

/// The write lock keeps other programs out, and everything is taken back when a migration fails.
async fn on_sqlite(writer: &Pool<Sqlite>, step: Step) -> Result<Result<Report, Failure>, Fault> {
    let mut connection = writer.get().await.map_err(no_connection)?;
    let work = connection.spawn_blocking(move |connection| {
        Ok(connection.immediate_transaction(|connection| perform(connection, &SQLITE, step)))
    });
    work.await.map_err(failed)
}

async fn on_postgres(pool: &Pool<AsyncPgConnection>, step: Step) -> Result<Result<Report, Failure>, Fault> {
    // It does not go back to the pool: the lock and the lifted bounds end with it.
    let mut connection = Object::take(pool.get().await.map_err(no_connection)?);
    connection.batch_execute(LOCK).await.map_err(failed)?;
    let work = move || {
        let mut connection: AsyncConnectionWrapper<_> = connection.into();
        perform(&mut connection, &POSTGRES, step)
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "migrations are synchronous, and this is awaited to its end"
    )]
    let worked = tokio::task::spawn_blocking(work).await;
    worked.map_err(Fault::unavailable)
}

fn perform<DB: Backend>(
    harness: &mut impl MigrationHarness<DB>,
    compiled_in: &EmbeddedMigrations,
    step: Step,
) -> Result<Report, Failure> {
    let mut known: Vec<Box<dyn Migration<DB>>> = compiled_in.migrations()?;
    known.sort_by(|one, other| one.name().version().cmp(&other.name().version()));
    // Newest first.
    let applied = harness.applied_migrations()?;
    let mut done = Vec::new();
    match (step, applied.first()) {
        (Step::Look, _) | (Step::RevertNewest, None) => {}
        (Step::RunPending, _) => {
            for migration in known
                .iter()
                .filter(|one| !applied.contains(&one.name().version()))
            {
                let name = migration.name().to_string();
                harness
                    .run_migration(&**migration)
                    .map_err(|error| format!("{name}: {error}"))?;
                done.push(name);
            }
        }
        (Step::RevertNewest, Some(newest)) => {
            let migration = known
                .iter()
                .find(|one| one.name().version() == *newest)
                .ok_or_else(|| {
                    format!("migration {newest} is unknown here: revert it with the program that has it")
                })?;
            let name = migration.name().to_string();
            harness
                .revert_migration(&**migration)
                .map_err(|error| format!("{name}: {error}"))?;
            done.push(name);
        }
    }
    Ok(Report {
        done,
        status: compare(&known, harness.applied_migrations()?),
    })
}

fn compare<DB: Backend>(
    known: &[Box<dyn Migration<DB>>],
    mut versions: Vec<MigrationVersion<'_>>,
) -> MigrationStatus {
    let (mut applied, mut pending) = (Vec::new(), Vec::new());
    for migration in known {
        let place = versions
            .iter()
            .position(|version| *version == migration.name().version());
        let names = if place.is_some() {
            &mut applied
        } else {
            &mut pending
        };
        names.push(migration.name().to_string());
        place.map(|place| versions.remove(place));
    }
    let unknown = versions.iter().rev().map(ToString::to_string).collect();
    MigrationStatus {
        applied,
        pending,
        unknown,
    }
}
