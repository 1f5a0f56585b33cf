//! The log of runs: rows of events.

use std::io::Write;

use chancery_agents::RunEvent;
use chancery_ambient::Fault;
use chancery_ids::{RunId, TenantId};
use diesel::{
    deserialize::{self, FromSql, FromSqlRow},
    expression::AsExpression,
    pg::{Pg, PgValue},
    prelude::*,
    serialize::{self, IsNull, Output, ToSql},
    sql_types::{Json as JsonText, Text},
    sqlite::Sqlite,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::{
    Database,
    codec::{self, Stored},
    database::read,
    schema::agents::run_log,
};

/// The most events of a row. Whoever reads a part of the log reads whole rows.
const LARGEST_ROW: u16 = 128;

/// A part of what one flush adds to the log.
#[derive(Insertable)]
#[diesel(table_name = run_log, treat_none_as_default_value = false)]
pub(super) struct LogRow {
    tenant_id: Stored<TenantId>,
    run_id: Stored<RunId>,
    last_id: i64,
    events: StoredEvents,
}

impl LogRow {
    /// The rows of a flush, in order.
    pub(super) fn of(tenant: TenantId, run: RunId, events: &[RunEvent]) -> Result<Vec<Self>, Fault> {
        let rows = events.chunks(usize::from(LARGEST_ROW)).filter_map(|events| {
            let last = events.last()?;
            Some((last.id, serde_json::to_string(events)))
        });
        rows.map(|(last_id, events)| {
            Ok(Self {
                tenant_id: Stored(tenant),
                run_id: Stored(run),
                last_id: codec::big_int(last_id)?,
                events: StoredEvents(events.map_err(Fault::corrupt)?),
            })
        })
        .collect()
    }

    /// The last event of these rows; 0 when there is none.
    pub(super) fn last_id(rows: &[Self]) -> i64 {
        rows.last().map_or(0, |row| row.last_id)
    }
}

/// Writes the log, inside the transaction of the change that it tells of.
pub(super) trait AppendLog {
    /// Adds rows. One that is there already, because the same flush is repeated, is left as it is.
    async fn append_log(&mut self, rows: Vec<LogRow>) -> QueryResult<()>;
}

/// One body for both connections. A statement a row: there is hardly ever more than one.
macro_rules! append_log {
    ($($connection:ty),*) => {$(
        impl AppendLog for $connection {
            async fn append_log(&mut self, rows: Vec<LogRow>) -> QueryResult<()> {
                for row in rows {
                    diesel::insert_into(run_log::table)
                        .values(row)
                        .on_conflict_do_nothing()
                        .execute(self)
                        .await?;
                }
                Ok(())
            }
        }
    )*};
}

append_log!(crate::sqlite::Sqlite, AsyncPgConnection);

/// Up to `limit` events above `after`. A flush that was repeated with more in it stands beside the first; what it repeats is
/// passed over.
///
/// Ids follow one another but where a run was taken over, so the rows up to a certain id are about as many events, and no row is
/// read for nothing. Where there is none up to that id, the next one is read wherever it is. Nothing is looked for behind the event
/// with which a run ends.
pub(super) async fn read_log(
    database: &Database,
    (tenant, run): (TenantId, RunId),
    after: u64,
    limit: u16,
) -> Result<Vec<RunEvent>, Fault> {
    let (limit, mut after) = (usize::from(limit), after);
    let mut found = Vec::new();
    while found.len() < limit {
        let from = codec::big_int(after)?;
        let above = run_log::table
            .filter(run_log::tenant_id.eq(Stored(tenant)))
            .filter(run_log::run_id.eq(Stored(run)))
            .filter(run_log::last_id.gt(from))
            .order(run_log::last_id)
            .select(run_log::events);
        let missing = i64::try_from(limit - found.len()).map_err(Fault::corrupt)?;
        let wanted = missing + i64::from(LARGEST_ROW);
        let near = above.filter(run_log::last_id.le(from.saturating_add(wanted)));
        let rows: Vec<StoredEvents> = read!(database, |conn| {
            let near = near.limit(wanted).load(conn).await?;
            if near.is_empty() {
                return above.limit(1).load(conn).await;
            }
            Ok(near)
        })?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            for event in row.read()? {
                if found.len() < limit && event.id > after {
                    after = event.id;
                    found.push(event);
                }
            }
        }
        if found
            .last()
            .is_some_and(|event: &RunEvent| event.what.is_terminal())
        {
            break;
        }
    }
    Ok(found)
}

/// Events as JSON. Kept as text on the way, so that writing and reading builds no tree of it.
#[derive(Debug, AsExpression, FromSqlRow)]
#[diesel(sql_type = JsonText)]
pub(super) struct StoredEvents(String);

impl StoredEvents {
    /// The events.
    fn read(&self) -> Result<Vec<RunEvent>, Fault> {
        serde_json::from_str(&self.0).map_err(Fault::corrupt)
    }
}

impl ToSql<JsonText, Pg> for StoredEvents {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<JsonText, Pg> for StoredEvents {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(std::str::from_utf8(value.as_bytes())?.to_owned()))
    }
}

impl ToSql<JsonText, Sqlite> for StoredEvents {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        ToSql::<Text, Sqlite>::to_sql(&self.0, out)
    }
}

impl FromSql<JsonText, Sqlite> for StoredEvents {
    fn from_sql(value: <Sqlite as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <String as FromSql<Text, Sqlite>>::from_sql(value).map(Self)
    }
}
