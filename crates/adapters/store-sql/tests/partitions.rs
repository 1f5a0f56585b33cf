//! The partitions of the log of runs on Postgres: made ahead, read alone, dropped whole.

use std::sync::Arc;

use chancery_agents::{Finish, NewRun, RunLogSystemStore, RunStatus, RunStore};
use chancery_ambient::{Ambient, Timestamp};
use chancery_ids::{RunId, TypedId};
use chancery_store_sql::{Migrator, SqlRuns};
use diesel::{
    QueryableByName, sql_query,
    sql_types::{BigInt, Text},
};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use tokio::task::JoinSet;

use crate::{
    conversations::reads,
    support::{Fresh, connect, fresh_postgres, open},
    turns::{begin, event, finish, ids, new_run, turn},
};

fn at(text: &str) -> Timestamp {
    format!("{text}T00:00:00Z").parse().unwrap()
}

/// An id of a run that began then.
fn id_of(at: Timestamp) -> RunId {
    TypedId::from_uuid(
        uuid::Builder::from_unix_timestamp_millis(at.unix_millis(), &Ambient::system().random()).into_uuid(),
    )
}

/// A run that began on that day, with one event.
async fn begun(runs: &SqlRuns, day: &str) -> NewRun {
    let mut run = new_run(&turn("c"));
    (run.id, run.at) = (id_of(at(day)), at(day));
    begin(runs, &run).await;
    run
}

/// Its end on that day, with one event more.
async fn end(runs: &SqlRuns, run: &NewRun, day: &str) {
    let end = Finish {
        at: at(day),
        events: vec![event(2, "!")],
        ..finish(RunStatus::Completed, "yes", at(day))
    };
    assert!(runs.finish(run.tenant, run.id, 1, &end, &[]).await.unwrap());
}

/// The ids of its events, and whether the run says that they are forgotten.
async fn log(runs: &SqlRuns, run: &NewRun) -> (Vec<u64>, bool) {
    let found = runs.find(run.tenant, run.owner, run.id).await.unwrap().unwrap();
    let log = runs.read_log(run.tenant, run.id, 0, 10).await.unwrap();
    (ids(&log), found.log_forgotten)
}

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

async fn partitions(fresh: &Fresh) -> Vec<String> {
    let names = sql_query(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'run_log'::regclass ORDER BY 1",
    );
    let names: Vec<Name> = names.load(&mut connect(fresh.url()).await).await.unwrap();
    names.into_iter().map(|row| row.name).collect()
}

async fn rows_in(fresh: &Fresh, table: &str) -> i64 {
    let count = sql_query(format!("SELECT count(*) FROM ONLY {table}"));
    let count: Count = count.get_result(&mut connect(fresh.url()).await).await.unwrap();
    count.count
}

#[tokio::test(flavor = "multi_thread")]
async fn the_months_to_come_have_a_partition_each_however_many_make_them() {
    let fresh = fresh_postgres().await;
    let runs = Arc::new(SqlRuns::new(fresh.database()));
    let makers = (0..4).map(|_| {
        let runs = runs.clone();
        async move { runs.make_room(at("2031-11-30")).await.unwrap() }
    });
    makers.collect::<JoinSet<_>>().join_all().await;
    // Whoever waited too long for another leaves it to the next pass.
    runs.make_room(at("2031-12-01")).await.unwrap();
    let months = ["2031_11", "2031_12", "2032_01", "2032_02"].map(|month| format!("run_log_{month}"));
    let mut expected = months.to_vec();
    expected.extend(["run_log_before".to_owned(), "run_log_rest".to_owned()]);
    assert_eq!(partitions(&fresh).await, expected);
    // The month of the migration has its place already.
    runs.make_room(Ambient::system().now()).await.unwrap();
    assert_eq!(partitions(&fresh).await.len(), expected.len() + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_written_to_and_read_from_one_partition_alone() {
    let fresh = fresh_postgres().await;
    let store = SqlRuns::new(open(fresh.url()));
    store.make_room(at("2031-01-01")).await.unwrap();
    let run = begun(&store, "2031-02-03").await;
    end(&store, &run, "2031-02-03").await;
    drop(store);
    let own = "run_log_2031_02";
    let reads = reads(&fresh, own, SqlRuns::new, async |store| {
        let log = store.read_log(run.tenant, run.id, 0, 10).await.unwrap();
        assert_eq!(ids(&log), [1, 2]);
    });
    assert_eq!(reads.await.whole_table, 0);
    let scanned = sql_query(
        "SELECT relname::text AS name FROM pg_stat_user_tables
         WHERE relname LIKE 'run_log%' AND seq_scan + idx_scan > 0",
    );
    let scanned: Vec<Name> = scanned.load(&mut connect(fresh.url()).await).await.unwrap();
    let scanned: Vec<_> = scanned.into_iter().map(|row| row.name).collect();
    assert_eq!(scanned, [own]);
    assert_eq!(rows_in(&fresh, own).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_whose_logs_are_all_forgotten_is_dropped_whole() {
    let fresh = fresh_postgres().await;
    let runs = SqlRuns::new(fresh.database());
    runs.make_room(at("2031-01-01")).await.unwrap();
    let january = begun(&runs, "2031-01-05").await;
    end(&runs, &january, "2031-01-06").await;
    let february = begun(&runs, "2031-02-05").await;
    let cut = begun(&runs, "2031-03-05").await;
    end(&runs, &cut, "2031-03-05").await;
    let young = begun(&runs, "2031-03-20").await;
    end(&runs, &young, "2031-03-20").await;

    // February has a run that is live yet; March is cut in two.
    assert_eq!(runs.forget_old_logs(at("2031-03-10"), 10).await.unwrap(), 2);
    let left = ["run_log_2031_02", "run_log_2031_03", "run_log_rest"];
    assert_eq!(partitions(&fresh).await, left);
    assert_eq!(log(&runs, &january).await, (vec![], true));
    assert_eq!(log(&runs, &february).await, (vec![1], false));
    assert_eq!(log(&runs, &cut).await, (vec![], true));
    assert_eq!(log(&runs, &young).await, (vec![1, 2], false));

    end(&runs, &february, "2031-03-11").await;
    assert_eq!(runs.forget_old_logs(at("2031-03-10"), 10).await.unwrap(), 0);
    assert_eq!(partitions(&fresh).await, left);
    assert_eq!(runs.forget_old_logs(at("2031-03-12"), 10).await.unwrap(), 1);
    assert_eq!(partitions(&fresh).await, left[1..]);
    // A new run of a month that has gone is kept all the same.
    let late = begun(&runs, "2031-01-07").await;
    assert_eq!(log(&runs, &late).await, (vec![1], false));
    assert_eq!(log(&runs, &young).await, (vec![1, 2], false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_that_is_made_late_takes_its_rows_along() {
    let fresh = fresh_postgres().await;
    let runs = SqlRuns::new(fresh.database());
    let may = begun(&runs, "2031-05-02").await;
    let april = begun(&runs, "2031-04-30").await;
    assert_eq!(rows_in(&fresh, "run_log_rest").await, 2);
    runs.make_room(at("2031-05-03")).await.unwrap();
    assert_eq!(rows_in(&fresh, "run_log_2031_05").await, 1);
    assert_eq!(rows_in(&fresh, "run_log_rest").await, 1);
    for run in [&may, &april] {
        end(&runs, run, "2031-05-03").await;
        assert_eq!(log(&runs, run).await, (vec![1, 2], false));
    }
    // What has no partition is forgotten row by row.
    assert_eq!(runs.forget_old_logs(at("2031-05-04"), 10).await.unwrap(), 2);
    assert_eq!(rows_in(&fresh, "run_log_rest").await, 0);
    assert_eq!(log(&runs, &april).await, (vec![], true));
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_full_default_partition_no_other_is_made_and_no_row_is_lost() {
    let fresh = fresh_postgres().await;
    let runs = SqlRuns::new(fresh.database());
    let may = begun(&runs, "2031-05-02").await;
    let fill = format!(
        "INSERT INTO run_log SELECT '{}', '{}', n, '[]' FROM generate_series(1000, 2000) AS n",
        may.tenant.as_uuid(),
        id_of(at("2031-06-01")).as_uuid()
    );
    connect(fresh.url()).await.batch_execute(&fill).await.unwrap();
    runs.make_room(at("2031-05-03")).await.unwrap();
    assert_eq!(partitions(&fresh).await, ["run_log_before", "run_log_rest"]);
    assert_eq!(rows_in(&fresh, "run_log_rest").await, 1002);
    end(&runs, &may, "2031-05-03").await;
    assert_eq!(log(&runs, &may).await, (vec![1, 2], false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_owns_no_table_loses_nothing_and_forgets_row_by_row() {
    let fresh = fresh_postgres().await;
    let role = format!("serves_{}", Ambient::system().new_id::<()>().as_uuid().simple());
    let mut admin = connect(fresh.url()).await;
    let grant = format!(
        "CREATE ROLE {role} LOGIN PASSWORD 'serves';
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"
    );
    admin.batch_execute(&grant).await.unwrap();
    let mut url = url::Url::parse(fresh.url()).unwrap();
    url.set_username(&role).unwrap();
    url.set_password(Some("serves")).unwrap();
    let runs = SqlRuns::new(open(url.as_str()));
    runs.make_room(at("2031-01-01")).await.unwrap();
    assert_eq!(partitions(&fresh).await, ["run_log_before", "run_log_rest"]);
    let old = begun(&runs, "2020-01-05").await;
    end(&runs, &old, "2020-01-05").await;
    let new = begun(&runs, "2031-01-05").await;
    assert_eq!(log(&runs, &old).await, (vec![1, 2], false));
    assert_eq!(runs.forget_old_logs(at("2031-01-04"), 10).await.unwrap(), 1);
    assert_eq!(rows_in(&fresh, "run_log_before").await, 0);
    assert_eq!(log(&runs, &old).await, (vec![], true));
    assert_eq!(log(&runs, &new).await, (vec![1], false));
    drop(runs);
    admin
        .batch_execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_survives_the_way_into_partitions_and_back() {
    let fresh = fresh_postgres().await;
    let runs = SqlRuns::new(fresh.database());
    runs.make_room(at("2031-01-01")).await.unwrap();
    let mut kept = Vec::new();
    for day in ["2020-01-05", "2031-01-05", "2040-01-05"] {
        kept.push(begun(&runs, day).await);
    }
    let migrator = Migrator::new(&fresh.database());
    while migrator.revert().await.unwrap().unwrap() != "0020_run_log_by_month" {}
    assert_eq!(rows_in(&fresh, "run_log").await, 3);
    migrator.run().await.unwrap();
    assert_eq!(partitions(&fresh).await, ["run_log_before", "run_log_rest"]);
    assert_eq!(rows_in(&fresh, "run_log_before").await, 1);
    assert_eq!(rows_in(&fresh, "run_log_rest").await, 2);
    let runs = SqlRuns::new(open(fresh.url()));
    for run in &kept {
        assert_eq!(log(&runs, run).await, (vec![1], false));
    }
}
