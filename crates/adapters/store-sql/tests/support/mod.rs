//! A database of its own for every test: a SQLite file, or a Postgres database cloned from a migrated template.

mod postgres;
pub(crate) mod shape;

use std::{any::Any, cell::RefCell};

use chancery_store_sql::{Database, DatabaseSettings, DatabaseUrl, Migrator};

use postgres::OnServer;

pub(crate) use postgres::connect;

/// A database that is gone when this is dropped.
pub(crate) struct Fresh {
    database: Database,
    url: String,
    home: Home,
}

/// Takes the database away when it is dropped.
type Home = Box<dyn Any>;

/// A migrated SQLite file.
pub(crate) async fn fresh_sqlite() -> Fresh {
    let fresh = empty_sqlite();
    Migrator::new(&fresh.database).run().await.unwrap();
    fresh
}

/// A migrated Postgres database.
pub(crate) async fn fresh_postgres() -> Fresh {
    on_server(postgres::clone_of_template().await)
}

/// A SQLite file without tables.
pub(crate) fn empty_sqlite() -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    Fresh {
        database: open(&url),
        url,
        home: Box::new(folder),
    }
}

/// A Postgres database without tables.
pub(crate) async fn empty_postgres() -> Fresh {
    on_server(postgres::empty().await)
}

fn on_server(home: OnServer) -> Fresh {
    let url = home.url().to_owned();
    Fresh {
        database: open(&url),
        url,
        home: Box::new(home),
    }
}

/// A handle of its own on a database, as another program has.
pub(crate) fn open(url: &str) -> Database {
    let url = DatabaseUrl::parse(url).unwrap();
    Database::open(&url, &DatabaseSettings::default()).unwrap()
}

thread_local! {
    /// The test's own thread ends with the test.
    static OF_THIS_TEST: RefCell<Vec<Home>> = const { RefCell::new(Vec::new()) };
}

impl Fresh {
    /// The handle. Keep the guard as long as it is used.
    pub(crate) fn database(&self) -> Database {
        self.database.clone()
    }

    /// Where it is, for looking behind the store's back.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The handle without the guard, which is kept until the calling test has ended: for the contract macros, which have no
    /// place for a guard. To be called on the test's own thread.
    pub(crate) fn until_the_test_ends(self) -> Database {
        OF_THIS_TEST.with_borrow_mut(|homes| homes.push(self.home));
        self.database
    }
}
