//! The partitions of `run_log` on Postgres: one a month, made ahead of its time and dropped when nothing in it is kept.
//!
//! A run's id is a UUIDv7, so a range of ids is a range of the times at which runs began. What has no partition stands in the
//! default one and is deleted row by row, as on SQLite. Making and dropping a partition locks out everybody for a moment: it
//! waits for its locks [`PATIENCE`] at most, since whoever comes later waits behind it, and is tried again by the next pass.

use chancery_ambient::{Fault, Timestamp};
use chrono::{Datelike, Months, NaiveDate};
use diesel::{
    QueryableByName, sql_query,
    sql_types::{BigInt, Bool, Text, Uuid as SqlUuid},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use uuid::Uuid;

use crate::{Database, database::Engine, fault};

/// How long locks are waited for. The number of the advisory lock is arbitrary and fixed for ever: one process at a time does this.
const PATIENCE: &str = "SET LOCAL lock_timeout = '50ms'; SELECT pg_advisory_xact_lock(7216490327115)";
/// This month and the next two.
const MONTHS_AHEAD: u32 = 2;
/// A default partition with more rows is left alone: all of it is read, under a lock, when a partition is made beside it.
const FEW: i64 = 1000;

/// Makes the partitions of the month of `now` and of the next ones, where they are missing. What stands in the default
/// partition for such a month moves. Failures are logged: the default partition takes what has no other.
pub(super) async fn make(database: &Database, now: Timestamp) -> Result<(), Fault> {
    let Engine::Postgres(pool) = &database.engine else {
        return Ok(());
    };
    let mut conn = pool.get().await.map_err(fault::no_connection)?;
    let there = list(&mut conn).await.map_err(fault::failed)?;
    let missing: Vec<_> = months_from(now)
        .filter(|month| !there.iter().any(|partition| partition.holds(month)))
        .collect();
    let [first, ..] = missing.as_slice() else {
        return Ok(());
    };
    if !may_change(&mut conn).await.map_err(fault::failed)? {
        tracing::warn!(
            partition = first.name,
            "run_log belongs to another role: no partition is made, and its rows go to the default one"
        );
        return Ok(());
    }
    for month in missing {
        match make_one(&mut conn, &month).await {
            Ok(true) => tracing::info!(partition = month.name, "made a partition of run_log"),
            Ok(false) => tracing::warn!(
                partition = month.name,
                "not made: the default partition of run_log holds too many rows"
            ),
            Err(error) => tracing::warn!(partition = month.name, "not made yet: {error}"),
        }
    }
    Ok(())
}

/// Runs with an id below this have their logs in partitions that will be dropped once every log in them is forgotten: their rows
/// need not be deleted. `None` where rows have to be.
pub(super) async fn droppable_below(database: &Database, before: Timestamp) -> Result<Option<Uuid>, Fault> {
    let Engine::Postgres(pool) = &database.engine else {
        return Ok(None);
    };
    let mut conn = pool.get().await.map_err(fault::no_connection)?;
    if !may_change(&mut conn).await.map_err(fault::failed)? {
        return Ok(None);
    }
    let there = list(&mut conn).await.map_err(fault::failed)?;
    let old = there.iter().filter(|partition| partition.is_over(before));
    Ok(old.map(|partition| partition.to).max())
}

/// Drops the partitions of months that were over before `before` and in which every log is forgotten. Failures are logged.
pub(super) async fn drop_forgotten(database: &Database, before: Timestamp) -> Result<(), Fault> {
    let Engine::Postgres(pool) = &database.engine else {
        return Ok(());
    };
    let mut conn = pool.get().await.map_err(fault::no_connection)?;
    let there = list(&mut conn).await.map_err(fault::failed)?;
    let old: Vec<_> = there
        .into_iter()
        .filter(|partition| partition.is_over(before))
        .collect();
    if old.is_empty() || !may_change(&mut conn).await.map_err(fault::failed)? {
        return Ok(());
    }
    for partition in old {
        match drop_one(&mut conn, &partition).await {
            Ok(true) => tracing::info!(partition = partition.name, "dropped a partition of run_log"),
            Ok(false) => {}
            Err(error) => tracing::warn!(partition = partition.name, "not dropped yet: {error}"),
        }
    }
    Ok(())
}

/// A partition, or one to be made: ids from the first on, below the last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Partition {
    name: String,
    from: Uuid,
    to: Uuid,
}

impl Partition {
    fn holds(&self, other: &Self) -> bool {
        self.from <= other.from && other.to <= self.to
    }

    fn is_over(&self, before: Timestamp) -> bool {
        self.to <= first_id_of(before)
    }
}

/// The lowest id of a millisecond.
fn first_id_of(at: Timestamp) -> Uuid {
    Uuid::from_u128(u128::from(at.unix_millis()) << 80)
}

fn months_from(now: Timestamp) -> impl Iterator<Item = Partition> {
    let today = now.as_datetime().date_naive();
    let start = move |after| today.with_day(1)?.checked_add_months(Months::new(after));
    let first_id = |day: NaiveDate| Some(first_id_of(day.and_hms_opt(0, 0, 0)?.and_utc().into()));
    (0..=MONTHS_AHEAD).filter_map(move |after| {
        let month = start(after)?;
        Some(Partition {
            name: format!("run_log_{}", month.format("%Y_%m")),
            from: first_id(month)?,
            to: first_id(start(after + 1)?)?,
        })
    })
}

#[derive(QueryableByName)]
struct BoundRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    bounds: String,
}

/// All but the default one.
async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<Partition>, diesel::result::Error> {
    let rows: Vec<BoundRow> = sql_query(
        "SELECT c.relname::text AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds
         FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'run_log'::regclass",
    )
    .load(conn)
    .await?;
    Ok(rows.into_iter().filter_map(parse).collect())
}

/// `FOR VALUES FROM ('…') TO ('…')`, or `MINVALUE` for the first.
fn parse(row: BoundRow) -> Option<Partition> {
    let (from, to) = row
        .bounds
        .strip_prefix("FOR VALUES FROM (")?
        .strip_suffix(')')?
        .split_once(") TO (")?;
    let id = |text: &str| Uuid::parse_str(text.trim_matches('\'')).ok();
    Some(Partition {
        from: if from == "MINVALUE" {
            Uuid::nil()
        } else {
            id(from)?
        },
        to: id(to)?,
        name: row.name,
    })
}

#[derive(QueryableByName)]
struct Yes {
    #[diesel(sql_type = Bool)]
    yes: bool,
}

/// Whether this role owns the table and may make others beside it.
async fn may_change(conn: &mut AsyncPgConnection) -> Result<bool, diesel::result::Error> {
    let row: Yes = sql_query(
        "SELECT pg_has_role(relowner, 'USAGE') AND has_schema_privilege(relnamespace, 'CREATE') AS yes
         FROM pg_class WHERE oid = 'run_log'::regclass",
    )
    .get_result(conn)
    .await?;
    Ok(row.yes)
}

/// `false` when too many rows are in its way.
async fn make_one(conn: &mut AsyncPgConnection, month: &Partition) -> Result<bool, diesel::result::Error> {
    #[derive(QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        count: i64,
    }
    let Partition { name, from, to } = month;
    conn.transaction(async |conn| {
        conn.batch_execute(PATIENCE).await?;
        if list(conn).await?.iter().any(|partition| partition.holds(month)) {
            return Ok(true);
        }
        conn.batch_execute("LOCK TABLE run_log_rest IN ACCESS EXCLUSIVE MODE")
            .await?;
        let rest: Count = sql_query("SELECT count(*) FROM (SELECT FROM run_log_rest LIMIT $1) AS rest")
            .bind::<BigInt, _>(FEW + 1)
            .get_result(conn)
            .await?;
        if rest.count > FEW {
            return Ok(false);
        }
        // Attached, not made in place: that would lock the whole table and not the default partition alone.
        conn.batch_execute(&format!(
            "CREATE TABLE {name} (LIKE run_log INCLUDING ALL);
             WITH late AS (DELETE FROM run_log_rest WHERE run_id >= '{from}' AND run_id < '{to}' RETURNING *)
             INSERT INTO {name} SELECT * FROM late;
             ALTER TABLE run_log ATTACH PARTITION {name} FOR VALUES FROM ('{from}') TO ('{to}')"
        ))
        .await?;
        Ok(true)
    })
    .await
}

/// `false` while a log in it is kept. The file is removed after the locks are given back.
async fn drop_one(
    conn: &mut AsyncPgConnection,
    partition: &Partition,
) -> Result<bool, diesel::result::Error> {
    if keeps_a_log(conn, partition).await? {
        return Ok(false);
    }
    conn.transaction(async |conn| {
        conn.batch_execute(PATIENCE).await?;
        conn.batch_execute("LOCK TABLE run_log IN ACCESS EXCLUSIVE MODE")
            .await?;
        // Nobody begins a run now: what is seen holds until this is done.
        if keeps_a_log(conn, partition).await? {
            return Ok(false);
        }
        conn.batch_execute(&format!("DROP TABLE IF EXISTS \"{}\"", partition.name))
            .await?;
        Ok(true)
    })
    .await
}

async fn keeps_a_log(
    conn: &mut AsyncPgConnection,
    partition: &Partition,
) -> Result<bool, diesel::result::Error> {
    let row: Yes =
        sql_query("SELECT EXISTS (SELECT FROM runs WHERE NOT log_forgotten AND id >= $1 AND id < $2) AS yes")
            .bind::<SqlUuid, _>(partition.from)
            .bind::<SqlUuid, _>(partition.to)
            .get_result(conn)
            .await?;
    Ok(row.yes)
}

#[cfg(test)]
mod tests {
    use super::{BoundRow, Partition, first_id_of, months_from, parse};

    #[test]
    fn months_follow_each_other_over_the_end_of_a_year() {
        let months: Vec<_> = months_from("2026-11-30T23:59:59Z".parse().unwrap()).collect();
        let names: Vec<_> = months.iter().map(|month| month.name.as_str()).collect();
        assert_eq!(names, ["run_log_2026_11", "run_log_2026_12", "run_log_2027_01"]);
        assert_eq!(
            months[0].from,
            first_id_of("2026-11-01T00:00:00Z".parse().unwrap())
        );
        assert_eq!(months[0].to, months[1].from);
        assert_eq!(months[2].to, first_id_of("2027-02-01T00:00:00Z".parse().unwrap()));
    }

    #[test]
    fn bounds_are_read_as_postgres_writes_them() {
        let [month, ..] =
            <[_; 3]>::try_from(months_from("2026-11-30T00:00:00Z".parse().unwrap()).collect::<Vec<_>>())
                .unwrap();
        let row = |bounds: String| BoundRow {
            name: month.name.clone(),
            bounds,
        };
        let told = format!("FOR VALUES FROM ('{}') TO ('{}')", month.from, month.to);
        assert_eq!(parse(row(told)), Some(month.clone()));
        let told = format!("FOR VALUES FROM (MINVALUE) TO ('{}')", month.to);
        let first = parse(row(told)).unwrap();
        assert!(first.holds(&month) && !month.holds(&first));
        assert_eq!(parse(row("DEFAULT".to_owned())), None::<Partition>);
    }
}
