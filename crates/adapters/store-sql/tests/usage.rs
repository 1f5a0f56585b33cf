//! The contracts of the usage ledger, and what it costs on Postgres.

use std::sync::Arc;

use chancery_ambient::{Ambient, Timestamp};
use chancery_billing::{Amounts, Day, UsageMeter, UsageStore, Whose, contract::Ledger};
use chancery_events::{RunUsage, Used};
use chancery_ids::{TenantId, UserId};
use chancery_store_sql::{Database, SqlUsage};
use diesel::{QueryableByName, sql_query, sql_types::BigInt};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures::future::join_all;

use crate::{
    conversations::{id, reads},
    support::{connect, fresh_postgres, open},
};

fn ledger(database: Database) -> Ledger {
    let usage = Arc::new(SqlUsage::new(database));
    Ledger {
        meter: usage.clone(),
        store: usage.clone(),
        system: usage,
    }
}

/// Every contract, run on databases that `$fresh` makes.
macro_rules! contracts {
    ($engine:ident, $fresh:ident) => {
        mod $engine {
            use crate::{support::$fresh, usage::ledger};

            chancery_billing::usage_meter_contract!(async { ledger($fresh().await.until_the_test_ends()) });
            chancery_billing::usage_store_contract!(async { ledger($fresh().await.until_the_test_ends()) });
            chancery_billing::usage_system_store_contract!(async {
                ledger($fresh().await.until_the_test_ends())
            });
        }
    };
}

contracts!(sqlite, fresh_sqlite);
contracts!(postgres, fresh_postgres);

#[derive(QueryableByName, Debug, PartialEq)]
struct Counted {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_equal_the_sum_of_the_records_whatever_two_replicas_tell_again() {
    let fresh = fresh_postgres().await;
    let ambient = Ambient::system();
    let tenants: Vec<TenantId> = (0..3).map(|_| ambient.new_id()).collect();
    let people: Vec<UserId> = (0..3).map(|_| ambient.new_id()).collect();
    let at = |step: u32| Timestamp::from_unix_seconds(1_800_000_000 + i64::from(step) * 40_000).unwrap();
    let runs: Vec<_> = (0..24)
        .map(|number| {
            let turn = |step| Used {
                input_tokens: step * 17,
                output_tokens: 5,
                ..Used::at(step, 0, at(step))
            };
            let used = (1..=4)
                .flat_map(|step| [turn(step), Used::at(step, 1, at(step))])
                .collect();
            let person = people[number % 2];
            let run = ambient.new_id();
            (tenants[number % 3], RunUsage { run, person, used })
        })
        .collect();
    let replicas = [SqlUsage::new(open(fresh.url())), SqlUsage::new(open(fresh.url()))];
    let mut counted = Amounts::default();
    for _ in 0..2 {
        let told = replicas
            .iter()
            .flat_map(|replica| runs.iter().map(|(tenant, usage)| replica.record(*tenant, usage)));
        for new in join_all(told).await {
            counted = counted + new.unwrap();
        }
    }
    let once: Amounts = runs
        .iter()
        .flat_map(|(_, usage)| &usage.used)
        .map(Amounts::of)
        .sum();
    assert_eq!(counted, once);

    let mut admin = connect(fresh.url()).await;
    let differing = sql_query(
        "SELECT count(*) FROM
            (SELECT tenant_id, day, sum(input_tokens) AS input, sum(output_tokens) AS output,
                    count(*) FILTER (WHERE call = 0) AS requests, count(*) FILTER (WHERE call > 0) AS calls
             FROM usage_records GROUP BY tenant_id, day) AS records
         FULL JOIN
            (SELECT tenant_id, day, bool_and(person_id = '00000000-0000-0000-0000-000000000000') AS all_of_tenant,
                    sum(input_tokens) AS input, sum(output_tokens) AS output, sum(requests) AS requests,
                    sum(tool_calls) AS calls
             FROM usage_days GROUP BY tenant_id, day, person_id = '00000000-0000-0000-0000-000000000000') AS counters
         USING (tenant_id, day, input, output, requests, calls)
         WHERE records IS NULL OR counters IS NULL",
    );
    let differing: Counted = differing.get_result(&mut admin).await.unwrap();
    assert_eq!(differing, Counted { count: 0 });
    let records: Counted = sql_query("SELECT count(*) FROM usage_records")
        .get_result(&mut admin)
        .await
        .unwrap();
    assert_eq!(records, Counted { count: 24 * 8 });
}

/// The records of a hundred thousand runs of a hundred tenants as they come, three of each, three hundred runs a day; counters of
/// four hundred days of twenty people in each of ten tenants.
const FILL: &str = "
    CREATE FUNCTION id(n bigint) RETURNS uuid RETURN lpad(to_hex(n), 32, '0')::uuid;
    INSERT INTO usage_records
    SELECT id(abs(hashint8(r)) % 100), id(1000000 + r), u, 0, r / 300, 1000, 100, 10, 1
    FROM generate_series(1, 100000) r, generate_series(1, 3) u;
    INSERT INTO usage_days
    SELECT id(t), id(p), d, 1, 1, 1, 1, 1, 1
    FROM generate_series(1, 400) d, generate_series(1, 10) t, generate_series(0, 20) p;";

/// The row (84), its key (71) and its entry in the index of days (8).
const BYTES_OF_A_RECORD: i64 = 165;

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_small_and_a_months_totals_cost_a_few_buffers() {
    let fresh = fresh_postgres().await;
    let mut admin = connect(fresh.url()).await;
    admin.batch_execute(FILL).await.unwrap();
    admin.batch_execute("VACUUM ANALYZE").await.unwrap();
    let bytes: Counted = sql_query(
        "SELECT (pg_relation_size('usage_records') + pg_indexes_size('usage_records')) / 300000 AS count",
    )
    .get_result(&mut admin)
    .await
    .unwrap();
    assert!(
        bytes.count <= BYTES_OF_A_RECORD,
        "{bytes:?} bytes for each record"
    );
    drop(admin);

    let month = Day(300)..Day(331);
    let reads = reads(&fresh, "usage_days", SqlUsage::new, async |store| {
        let days = store.list_days(id(7), Whose::Tenant, month.clone(), 62).await;
        assert_eq!(days.unwrap().len(), 31);
    });
    let reads = reads.await;
    assert!(
        reads.buffers > 0 && reads.each() <= 200 && reads.whole_table == 0,
        "{reads:?}"
    );
}
