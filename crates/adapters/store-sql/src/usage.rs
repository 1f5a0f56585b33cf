//! What was used, and what it adds up to.

use std::{collections::BTreeMap, ops::Range};

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_billing::{Amounts, Day, DayCounter, UsageMeter, UsageStore, UsageSystemStore, Whose};
use chancery_events::{RunUsage, Used};
use chancery_ids::{RunId, TenantId, UserId};
use diesel::{prelude::*, sql_types::Integer, upsert::excluded};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::{
    Database,
    codec::{self, Stored},
    database::{read, transaction, write_one},
    schema::billing::{usage_days, usage_records},
    sqlite::Sqlite,
};

/// [`UsageMeter`], [`UsageStore`] and [`UsageSystemStore`] on either engine.
pub struct SqlUsage(Database);

impl SqlUsage {
    /// The ledger in `database`.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

#[async_trait]
impl UsageMeter for SqlUsage {
    /// Records first, then the counters, each in the order of their keys: whoever tells the same or counts in the same tenant at the
    /// same moment waits, and nobody for each other.
    #[tracing::instrument(name = "store_sql.record_usage", skip_all, fields(%tenant, run = %usage.run))]
    async fn record(&self, tenant: TenantId, usage: &RunUsage) -> Result<Amounts, Fault> {
        let mut told: BTreeMap<Place, &Used> = BTreeMap::new();
        for used in &usage.used {
            told.entry(place(used)?).or_insert(used);
        }
        let records: Vec<_> = told
            .iter()
            .map(|(place, used)| RecordRow::new(tenant, usage.run, *place, used))
            .collect::<Result<_, _>>()?;
        transaction!(self.0, |conn| {
            let new = conn.add_records(&records).await?;
            let mut days: BTreeMap<Day, Amounts> = BTreeMap::new();
            for used in new.iter().filter_map(|place| told.get(place)) {
                let amounts = days.entry(Day::of(used.at)).or_default();
                *amounts = *amounts + Amounts::of(used);
            }
            for whose in [EVERYBODY, usage.person] {
                for (day, amounts) in &days {
                    diesel::insert_into(usage_days::table)
                        .values(CounterRow::new((tenant, whose, *day), amounts)?)
                        .on_conflict((usage_days::tenant_id, usage_days::person_id, usage_days::day))
                        .do_update()
                        .set((
                            usage_days::input_tokens
                                .eq(usage_days::input_tokens + excluded(usage_days::input_tokens)),
                            usage_days::output_tokens
                                .eq(usage_days::output_tokens + excluded(usage_days::output_tokens)),
                            usage_days::cached_input_tokens
                                .eq(usage_days::cached_input_tokens
                                    + excluded(usage_days::cached_input_tokens)),
                            usage_days::reasoning_output_tokens.eq(usage_days::reasoning_output_tokens
                                + excluded(usage_days::reasoning_output_tokens)),
                            usage_days::requests.eq(usage_days::requests + excluded(usage_days::requests)),
                            usage_days::tool_calls
                                .eq(usage_days::tool_calls + excluded(usage_days::tool_calls)),
                        ))
                        .execute(conn)
                        .await?;
                }
            }
            Ok(days.into_values().sum())
        })
    }
}

#[async_trait]
impl UsageStore for SqlUsage {
    #[tracing::instrument(name = "store_sql.list_usage_days", skip_all, fields(%tenant))]
    async fn list_days(
        &self,
        tenant: TenantId,
        whose: Whose,
        days: Range<Day>,
        limit: u16,
    ) -> Result<Vec<DayCounter>, Fault> {
        let person = match whose {
            Whose::Tenant => EVERYBODY,
            Whose::Person(person) => person,
        };
        let counters = usage_days::table
            .filter(usage_days::tenant_id.eq(Stored(tenant)))
            .filter(usage_days::person_id.eq(Stored(person)))
            .filter(usage_days::day.ge(days.start.0))
            .filter(usage_days::day.lt(days.end.0))
            .order(usage_days::day.desc())
            .limit(limit.into());
        let rows = read!(self.0, |conn| counters
            .select(CounterRow::as_select())
            .load(conn)
            .await)?;
        rows.into_iter().map(DayCounter::try_from).collect()
    }
}

#[async_trait]
impl UsageSystemStore for SqlUsage {
    #[tracing::instrument(name = "store_sql.count_old_usage", skip_all)]
    async fn count_old(&self, before: Day) -> Result<u64, Fault> {
        let old = usage_records::table.filter(usage_records::day.lt(before.0));
        let count: i64 = read!(self.0, |conn| old.count().get_result(conn).await)?;
        codec::count(count)
    }

    #[tracing::instrument(name = "store_sql.prune_usage", skip_all)]
    async fn prune(&self, before: Day, limit: u16) -> Result<u64, Fault> {
        let old = diesel::sql_query(
            "DELETE FROM usage_records WHERE (tenant_id, run_id, step, call) IN
             (SELECT tenant_id, run_id, step, call FROM usage_records WHERE day < $1 ORDER BY day LIMIT $2)",
        );
        let old = old
            .bind::<Integer, _>(before.0)
            .bind::<Integer, _>(i32::from(limit));
        let pruned = write_one!(self.0, |conn| old.execute(conn).await)?;
        u64::try_from(pruned).map_err(Fault::corrupt)
    }
}

/// Under this person stand the counters of a whole tenant. No person has this id.
const EVERYBODY: UserId = UserId::from_uuid(Uuid::nil());

/// The step and the call.
type Place = (i16, i16);

fn place(used: &Used) -> Result<Place, Fault> {
    let small = |number: u32| i16::try_from(number).map_err(Fault::corrupt);
    Ok((small(used.step)?, small(used.call)?))
}

/// Adds records, inside the transaction that counts them. Gives the places of those that were not there.
trait AddRecords {
    async fn add_records(&mut self, records: &[RecordRow]) -> QueryResult<Vec<Place>>;
}

impl AddRecords for Sqlite {
    /// One statement a record, as with events.
    async fn add_records(&mut self, records: &[RecordRow]) -> QueryResult<Vec<Place>> {
        let mut new = Vec::new();
        for record in records {
            let added = diesel::insert_into(usage_records::table)
                .values(*record)
                .on_conflict_do_nothing()
                .execute(self)
                .await?;
            if added > 0 {
                new.push((record.step, record.call));
            }
        }
        Ok(new)
    }
}

impl AddRecords for AsyncPgConnection {
    async fn add_records(&mut self, records: &[RecordRow]) -> QueryResult<Vec<Place>> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        diesel::insert_into(usage_records::table)
            .values(records)
            .on_conflict_do_nothing()
            .returning((usage_records::step, usage_records::call))
            .load(self)
            .await
    }
}

#[derive(Clone, Copy, Insertable)]
#[diesel(table_name = usage_records)]
struct RecordRow {
    tenant_id: Stored<TenantId>,
    run_id: Stored<RunId>,
    step: i16,
    call: i16,
    day: i32,
    input_tokens: i32,
    output_tokens: i32,
    cached_input_tokens: i32,
    reasoning_output_tokens: i32,
}

impl RecordRow {
    fn new(tenant: TenantId, run: RunId, (step, call): Place, used: &Used) -> Result<Self, Fault> {
        let tokens = |count: u32| i32::try_from(count).map_err(Fault::corrupt);
        Ok(Self {
            tenant_id: Stored(tenant),
            run_id: Stored(run),
            step,
            call,
            day: Day::of(used.at).0,
            input_tokens: tokens(used.input_tokens)?,
            output_tokens: tokens(used.output_tokens)?,
            cached_input_tokens: tokens(used.cached_input_tokens)?,
            reasoning_output_tokens: tokens(used.reasoning_output_tokens)?,
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = usage_days)]
struct CounterRow {
    tenant_id: Stored<TenantId>,
    person_id: Stored<UserId>,
    day: i32,
    input_tokens: i64,
    output_tokens: i64,
    cached_input_tokens: i64,
    reasoning_output_tokens: i64,
    requests: i64,
    tool_calls: i64,
}

impl CounterRow {
    fn new((tenant, person, day): (TenantId, UserId, Day), amounts: &Amounts) -> Result<Self, Fault> {
        Ok(Self {
            tenant_id: Stored(tenant),
            person_id: Stored(person),
            day: day.0,
            input_tokens: codec::big_int(amounts.input_tokens)?,
            output_tokens: codec::big_int(amounts.output_tokens)?,
            cached_input_tokens: codec::big_int(amounts.cached_input_tokens)?,
            reasoning_output_tokens: codec::big_int(amounts.reasoning_output_tokens)?,
            requests: codec::big_int(amounts.requests)?,
            tool_calls: codec::big_int(amounts.tool_calls)?,
        })
    }
}

impl TryFrom<CounterRow> for DayCounter {
    type Error = Fault;

    fn try_from(row: CounterRow) -> Result<Self, Fault> {
        Ok(Self {
            day: Day(row.day),
            amounts: Amounts {
                input_tokens: codec::count(row.input_tokens)?,
                output_tokens: codec::count(row.output_tokens)?,
                cached_input_tokens: codec::count(row.cached_input_tokens)?,
                reasoning_output_tokens: codec::count(row.reasoning_output_tokens)?,
                requests: codec::count(row.requests)?,
                tool_calls: codec::count(row.tool_calls)?,
            },
        })
    }
}
