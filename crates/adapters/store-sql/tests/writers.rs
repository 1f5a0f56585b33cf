//! Many writers at once: none is lost, and none is told that the database is locked.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use chancery_ambient::Ambient;
use chancery_events::{Event, EventKind, OutboxStore};
use chancery_store_sql::{Database, SqlOutbox};
use futures::future::join_all;

use crate::support::{Fresh, fresh_postgres, fresh_sqlite, open};

const WRITERS: usize = 64;
const CHANGES: usize = 5;
const EVENTS_OF_A_CHANGE: usize = 2;

/// Tells the helper tests below which database it writes to.
const URL_VARIABLE: &str = "CHANCERY_TEST_WRITERS_DATABASE";

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_writers_lose_nothing_on_sqlite() {
    sixty_four_writers_lose_nothing(fresh_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_writers_lose_nothing_on_postgres() {
    sixty_four_writers_lose_nothing(fresh_postgres().await).await;
}

async fn sixty_four_writers_lose_nothing(fresh: Fresh) {
    write(fresh.database(), WRITERS).await;
    assert_eq!(
        waiting(fresh.database()).await,
        WRITERS * CHANGES * EVENTS_OF_A_CHANGE
    );
}

/// SQLite's lock is between processes here: `chancery admin` beside a running server.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_sqlite_file_lose_nothing() {
    let fresh = fresh_sqlite().await;
    let processes = [(); 2].map(|()| helper("writers::half_of_the_writers", &fresh).spawn().unwrap());
    for process in processes {
        let output = process.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("1 passed"),
            "the helper did not run"
        );
    }
    assert_eq!(
        waiting(fresh.database()).await,
        WRITERS * CHANGES * EVENTS_OF_A_CHANGE
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "half of two_processes_on_one_sqlite_file_lose_nothing, which runs it"]
async fn half_of_the_writers() {
    if let Some(url) = url_from_the_other_test() {
        write(open(&url), WRITERS / 2).await;
    }
}

/// What was committed is there after the process is killed. (After a loss of power it may not be: `synchronous=NORMAL`.)
#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_on_sqlite_survives_sigkill() {
    let fresh = fresh_sqlite().await;
    let mut process = helper("writers::until_it_is_killed", &fresh).spawn().unwrap();
    let output = BufReader::new(process.stdout.take().unwrap());
    let committed = output
        .lines()
        .map(Result::unwrap)
        .filter(|line| line.ends_with(COMMITTED))
        .take(50)
        .count();
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(committed, 50);
    assert!(waiting(fresh.database()).await >= committed);
}

const COMMITTED: &str = "committed";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the victim of what_was_committed_on_sqlite_survives_sigkill, which runs it"]
async fn until_it_is_killed() {
    if let Some(url) = url_from_the_other_test() {
        let (outbox, ambient) = (SqlOutbox::new(open(&url)), Ambient::system());
        // It ends by itself when nobody kills it.
        for _ in 0..100_000 {
            let event = Event::new(&ambient, ambient.new_id(), EventKind::UserCreated, "u");
            outbox.announce(&[event]).await.unwrap();
            println!("{COMMITTED}");
        }
    }
}

/// This program again, running one of its ignored tests on the same database.
fn helper(test: &str, fresh: &Fresh) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(URL_VARIABLE, fresh.url())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Nothing when somebody runs all ignored tests, and means others.
fn url_from_the_other_test() -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "how the other test speaks to this one")]
    let url = std::env::var(URL_VARIABLE);
    url.ok()
}

/// `writers` tasks, each with some changes of several statements.
async fn write(database: Database, writers: usize) {
    let outbox = Arc::new(SqlOutbox::new(database));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..writers {
        let outbox = outbox.clone();
        tasks.spawn(async move {
            let ambient = Ambient::system();
            for _ in 0..CHANGES {
                let events: Vec<_> = (0..EVENTS_OF_A_CHANGE)
                    .map(|n| Event::new(&ambient, ambient.new_id(), EventKind::UserCreated, n.to_string()))
                    .collect();
                outbox.announce(&events).await.unwrap();
            }
        });
    }
    while let Some(written) = tasks.join_next().await {
        written.unwrap();
    }
}

async fn waiting(database: Database) -> usize {
    let outbox = SqlOutbox::new(database);
    outbox
        .claim(Ambient::system().now(), Duration::from_mins(1), u16::MAX)
        .await
        .unwrap()
        .len()
}

/// Four workers take what is there, a batch at a time: everything comes to exactly one of them.
#[tokio::test(flavor = "multi_thread")]
async fn four_workers_share_a_full_outbox_on_postgres() {
    let fresh = fresh_postgres().await;
    write(fresh.database(), WRITERS).await;
    let batches = join_all((0..4).map(async |_| {
        let (outbox, now) = (SqlOutbox::new(fresh.database()), Ambient::system().now());
        let mut taken = Vec::new();
        loop {
            let batch = outbox.claim(now, Duration::from_mins(1), 50).await.unwrap();
            if batch.is_empty() {
                return taken;
            }
            taken.extend(batch.into_iter().map(|event| event.id));
        }
    }));
    let mut taken = batches.await.concat();
    let count = taken.len();
    taken.sort_unstable();
    taken.dedup();
    assert_eq!(
        (taken.len(), count),
        (
            WRITERS * CHANGES * EVENTS_OF_A_CHANGE,
            WRITERS * CHANGES * EVENTS_OF_A_CHANGE
        )
    );
}
