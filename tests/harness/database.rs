//! One fresh Postgres database a test.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::{Client, NoTls};
use url::Url;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A database of its own in the instance of `TEST_DATABASE_URL`, dropped by the end of that instance.
pub struct TestDatabase {
    url: String,
}

impl TestDatabase {
    /// Makes one.
    pub async fn create() -> Self {
        let server =
            std::env::var("TEST_DATABASE_URL").expect("TEST_DATABASE_URL is not set: run `cargo xtask test`");
        let name = format!(
            "system_{}_{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let admin = connect(&server).await;
        admin
            .batch_execute(&format!("CREATE DATABASE {name} STRATEGY file_copy"))
            .await
            .unwrap();
        let mut url = Url::parse(&server).unwrap();
        url.set_path(&name);
        Self { url: url.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets this database tell another time than its server: its own function hides the built-in one.
    pub async fn own_clock(&self) {
        let name = self.url.rsplit_once('/').unwrap().1;
        let statements = format!(
            "CREATE SCHEMA moved;
             CREATE TABLE moved.clock (seconds bigint NOT NULL);
             INSERT INTO moved.clock VALUES (0);
             CREATE FUNCTION moved.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
               'SELECT pg_catalog.clock_timestamp() + seconds * interval ''1 second'' FROM moved.clock';
             ALTER DATABASE {name} SET search_path = moved, pg_catalog, public;"
        );
        self.connect().await.batch_execute(&statements).await.unwrap();
    }

    /// Puts that clock so many seconds ahead of the real one.
    pub async fn move_clock(&self, seconds: i64) {
        let moved = "UPDATE moved.clock SET seconds = $1";
        self.connect().await.execute(moved, &[&seconds]).await.unwrap();
    }

    /// A connection for looking behind the server's back.
    pub async fn connect(&self) -> Client {
        connect(&self.url).await
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
