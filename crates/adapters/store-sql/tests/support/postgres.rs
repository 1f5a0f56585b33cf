//! Postgres databases for tests, in the instance of `TEST_DATABASE_URL`.
//!
//! Migrating takes longer than most tests. So the first test of all migrates a template, and every test clones it. nextest
//! gives each test a process of its own: they agree through an advisory lock, and the template's name holds a digest of the
//! migrations, so that one of other migrations is never used.

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use chancery_ambient::{Ambient, Timestamp};
use chancery_store_sql::Migrator;
use diesel::{QueryableByName, sql_query, sql_types::Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

/// Any number that nobody else in the test instance uses.
const LOCK: i64 = 51_700_193;
const PREFIX: &str = "store_sql_test";
/// nextest ends a test after two minutes: a clone that is older belongs to nobody.
const ABANDONED: Duration = Duration::from_mins(10);

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A database that is dropped with this.
pub(crate) struct OnServer {
    server: String,
    url: String,
    name: String,
}

/// A database with the schema of the migrations.
pub(crate) async fn clone_of_template() -> OnServer {
    let server = server();
    let mut admin = connect(&server).await;
    sweep(&mut admin).await;
    let template = format!("{PREFIX}_template_{}", digest_of_migrations());
    if !exists(&mut admin, &template).await {
        make_template(&mut admin, &server, &template).await;
    }
    create(
        &mut admin,
        &server,
        &format!("TEMPLATE {template} STRATEGY file_copy"),
    )
    .await
}

/// A database without tables.
pub(crate) async fn empty() -> OnServer {
    let server = server();
    let mut admin = connect(&server).await;
    create(&mut admin, &server, "TEMPLATE template0 STRATEGY file_copy").await
}

/// A connection of its own.
pub(crate) async fn connect(url: &str) -> AsyncPgConnection {
    AsyncPgConnection::establish(url)
        .await
        .unwrap_or_else(|error| panic!("Postgres for tests: {error}"))
}

impl OnServer {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for OnServer {
    /// On a thread of its own: the test's runtime cannot be waited on here, and may be gone.
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut admin = connect(&server).await;
                drop_database(&mut admin, &name).await;
            });
        });
        // What is left over is swept later.
        let _ = dropping.join();
    }
}

fn server() -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "how `cargo xtask test` tells where its Postgres is"
    )]
    let server = std::env::var("TEST_DATABASE_URL");
    server.unwrap_or_else(|_| panic!("TEST_DATABASE_URL is not set: run cargo xtask test"))
}

async fn create(admin: &mut AsyncPgConnection, server: &str, from: &str) -> OnServer {
    let name = format!(
        "{PREFIX}_{}_{}_{}",
        Ambient::system().now().unix_seconds(),
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    admin
        .batch_execute(&format!("CREATE DATABASE {name} {from}"))
        .await
        .unwrap();
    OnServer {
        server: server.to_owned(),
        url: url_of(server, &name),
        name,
    }
}

async fn make_template(admin: &mut AsyncPgConnection, server: &str, template: &str) {
    admin
        .batch_execute(&format!("SELECT pg_advisory_lock({LOCK})"))
        .await
        .unwrap();
    // Another process may have made it meanwhile.
    if !exists(admin, template).await {
        let unfinished = format!("{template}_unfinished");
        drop_database(admin, &unfinished).await;
        let create = format!("CREATE DATABASE {unfinished} TEMPLATE template0 STRATEGY file_copy");
        admin.batch_execute(&create).await.unwrap();
        Migrator::new(&super::open(&url_of(server, &unfinished)))
            .run()
            .await
            .unwrap();
        // The name is what says that it is finished. Postgres waits for the migrator's connection to be closed.
        let rename = format!("ALTER DATABASE {unfinished} RENAME TO {template}");
        admin.batch_execute(&rename).await.unwrap();
    }
    admin
        .batch_execute(&format!("SELECT pg_advisory_unlock({LOCK})"))
        .await
        .unwrap();
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    datname: String,
}

async fn exists(admin: &mut AsyncPgConnection, name: &str) -> bool {
    let found = sql_query("SELECT datname::text FROM pg_database WHERE datname = $1").bind::<Text, _>(name);
    !found.load::<Name>(admin).await.unwrap().is_empty()
}

/// Takes away what tests that were killed have left.
async fn sweep(admin: &mut AsyncPgConnection) {
    let clones = sql_query("SELECT datname::text FROM pg_database WHERE datname LIKE $1")
        .bind::<Text, _>(format!("{PREFIX}\\_%"))
        .load::<Name>(admin)
        .await
        .unwrap();
    let now = Ambient::system().now();
    for Name { datname } in clones {
        let made = datname
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('_').nth(1)?.parse().ok());
        let made = made.and_then(Timestamp::from_unix_seconds);
        if made.is_some_and(|made| now.since(made) > ABANDONED) {
            drop_database(admin, &datname).await;
        }
    }
}

/// Two may try at once: the database is gone either way.
async fn drop_database(admin: &mut AsyncPgConnection, name: &str) {
    let _ = admin
        .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        .await;
}

fn url_of(server: &str, name: &str) -> String {
    let mut url = url::Url::parse(server).unwrap();
    url.set_path(name);
    url.into()
}

fn digest_of_migrations() -> String {
    let mut digest = DefaultHasher::new();
    let folder = Path::new("../../../migrations/postgres");
    let mut scripts: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("up.sql"))
        .collect();
    scripts.sort();
    for script in scripts {
        script.hash(&mut digest);
        fs::read(&script).unwrap().hash(&mut digest);
    }
    format!("{:016x}", digest.finish())
}
