//! Migrations go up, down and up again, with data in the tables, and one program at a time.

use std::sync::Arc;

use chancery_accounts::{AccountSystemStore, EmailAddress, FirstOwner, PasswordHash};
use chancery_ambient::Ambient;
use chancery_audit::{AuditStore, Day};
use chancery_events::{Event, EventKind, OutboxStore};
use chancery_store_sql::{MigrationStatus, Migrator, SqlAccounts, SqlAudit, SqlOutbox};
use diesel::{Connection, SqliteConnection, connection::SimpleConnection};
use diesel_async::SimpleAsyncConnection;

use crate::support::{Fresh, connect, empty_postgres, empty_sqlite, open, shape};

#[tokio::test(flavor = "multi_thread")]
async fn up_down_and_up_with_data_on_sqlite() {
    let fresh = empty_sqlite();
    up_down_and_up_with_data(&fresh, async || shape::of_sqlite(fresh.url()).len()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn up_down_and_up_with_data_on_postgres() {
    let fresh = empty_postgres().await;
    up_down_and_up_with_data(&fresh, async || shape::of_postgres(fresh.url()).await.len()).await;
}

async fn up_down_and_up_with_data(fresh: &Fresh, tables: impl AsyncFn() -> usize) {
    let migrator = Migrator::new(&fresh.database());
    let all = migrator.status().await.unwrap().pending;
    assert_eq!(all[0], "0001_events");
    assert_eq!(migrator.run().await.unwrap(), all);
    let full = tables().await;
    fill(fresh).await;

    // The newest one alone, as after a release that has to go back.
    assert_eq!(migrator.revert().await.unwrap().as_ref(), all.last());
    assert_eq!(migrator.run().await.unwrap(), all[all.len() - 1..]);
    assert_eq!(tables().await, full);

    for name in all.iter().rev() {
        assert_eq!(migrator.revert().await.unwrap().as_ref(), Some(name));
    }
    assert_eq!(migrator.revert().await.unwrap(), None);
    assert_eq!(tables().await, 0);

    assert_eq!(migrator.run().await.unwrap(), all);
    assert_eq!(tables().await, full);
    fill(fresh).await;
}

/// Rows in the tables of each domain, those that point at each other too.
async fn fill(fresh: &Fresh) {
    let ambient = Ambient::system();
    let owner = FirstOwner {
        tenant: ambient.new_id(),
        tenant_slug: "first".to_owned(),
        tenant_name: "The first".to_owned(),
        user: ambient.new_id(),
        email: EmailAddress::parse("ada@example.org").unwrap(),
        password: PasswordHash::from_stored("0:x".to_owned()),
        at: ambient.now(),
    };
    let event = Event::new(
        &ambient,
        owner.tenant,
        EventKind::UserCreated,
        owner.user.to_string(),
    );
    let accounts = SqlAccounts::new(fresh.database());
    let _ = accounts
        .create_first_owner(&owner, std::slice::from_ref(&event))
        .await
        .unwrap();
    let today = Day::of(event.at);
    SqlAudit::new(fresh.database())
        .record(&event, today)
        .await
        .unwrap();
    SqlOutbox::new(fresh.database()).announce(&[event]).await.unwrap();
    assert!(accounts.has_first_owner().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn running_again_does_nothing() {
    for fresh in [empty_sqlite(), empty_postgres().await] {
        let migrator = Migrator::new(&fresh.database());
        let run = migrator.run().await.unwrap();
        assert_eq!(migrator.run().await.unwrap(), [""; 0]);
        let status = MigrationStatus {
            applied: run,
            pending: Vec::new(),
            unknown: Vec::new(),
        };
        assert_eq!(migrator.status().await.unwrap(), status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_programs_that_start_at_once_one_migrates() {
    for fresh in [empty_sqlite(), empty_postgres().await] {
        let url: Arc<str> = fresh.url().into();
        let mut programs = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let url = url.clone();
            programs.spawn(async move { Migrator::new(&open(&url)).run().await.unwrap().len() });
        }
        let run = programs.join_all().await;
        assert_eq!(run.iter().filter(|count| **count > 0).count(), 1, "{run:?}");
        assert_eq!(
            Migrator::new(&fresh.database()).status().await.unwrap().pending,
            [""; 0]
        );
    }
}

const FROM_THE_FUTURE: &str = "INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231235959')";

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_of_a_newer_program_is_told_and_left_alone() {
    let (sqlite, postgres) = (empty_sqlite(), empty_postgres().await);
    for fresh in [&sqlite, &postgres] {
        Migrator::new(&fresh.database()).run().await.unwrap();
    }
    let mut file = SqliteConnection::establish(sqlite.url().strip_prefix("sqlite:").unwrap()).unwrap();
    file.batch_execute(FROM_THE_FUTURE).unwrap();
    connect(postgres.url())
        .await
        .batch_execute(FROM_THE_FUTURE)
        .await
        .unwrap();
    for fresh in [&sqlite, &postgres] {
        let migrator = Migrator::new(&fresh.database());
        assert_eq!(migrator.status().await.unwrap().unknown, ["99991231235959"]);
        assert!(migrator.revert().await.is_err());
        assert_eq!(migrator.run().await.unwrap(), [""; 0]);
    }
}
