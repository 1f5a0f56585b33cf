//! The record of what happened.

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_audit::{AuditStore, Day, Entry, Hash, Head};
use chancery_events::Event;
use chancery_ids::{Cursor, EventId, Limit, Page, TenantId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::{
    Database,
    codec::{self, Stored},
    database::{read, transaction},
    fault::Undone,
    outbox::payload,
    schema::events::{audit_days, audit_events, audit_tails},
};

/// [`AuditStore`] on either engine.
pub struct SqlAudit(Database);

impl SqlAudit {
    /// The records kept in `database`.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

#[async_trait]
impl AuditStore for SqlAudit {
    #[tracing::instrument(name = "store_sql.record", skip_all, fields(event = %event.id))]
    async fn record(&self, event: &Event, today: Day) -> Result<Option<Head>, Fault> {
        let tenant = event.tenant;
        transaction!(self.0, |conn| {
            diesel::insert_into(audit_tails::table)
                .values(HeadRow::from_head(&Head::begin(tenant, today, None))?)
                .on_conflict_do_nothing()
                .execute(conn)
                .await?;
            // From here on nobody else appends to this tenant's chain.
            let last: HeadRow = diesel::update(audit_tails::table.find(Stored(tenant)))
                .set(audit_tails::number.eq(audit_tails::number))
                .returning(audit_tails::all_columns)
                .get_result(conn)
                .await?;
            let last = last.head()?;
            let ended = (last.day < today).then_some(last);
            let before = match ended {
                Some(ended) => Head::begin(tenant, today, Some(ended.hash)),
                None => last,
            };
            let head = before.with(event);
            let row = HeadRow::from_head(&head)?;
            let added = diesel::insert_into(audit_events::table)
                .values((
                    RecordRow::from(event),
                    audit_events::day.eq(row.day),
                    audit_events::number.eq(row.number),
                    audit_events::hash.eq(&row.head),
                ))
                .on_conflict_do_nothing()
                .execute(conn)
                .await?;
            if added == 0 {
                return Err(Undone::Answer(None));
            }
            if let Some(ended) = &ended {
                diesel::insert_into(audit_days::table)
                    .values((
                        audit_days::tenant_id.eq(Stored(ended.tenant)),
                        audit_days::day.eq(ended.day.0),
                        audit_days::number.eq(codec::big_int(ended.number)?),
                        audit_days::head.eq(ended.hash.0.to_vec()),
                    ))
                    .execute(conn)
                    .await?;
            }
            diesel::update(audit_tails::table.find(Stored(tenant)))
                .set((
                    audit_tails::day.eq(row.day),
                    audit_tails::number.eq(row.number),
                    audit_tails::head.eq(row.head),
                ))
                .execute(conn)
                .await?;
            Ok(ended)
        })
    }

    #[tracing::instrument(name = "store_sql.next_audit_day", skip_all, fields(%tenant))]
    async fn next_day(&self, tenant: TenantId, after: Option<Day>) -> Result<Option<Head>, Fault> {
        let after = after.map_or(i64::MIN, |day| day.0);
        let ended = audit_days::table
            .filter(audit_days::tenant_id.eq(Stored(tenant)))
            .filter(audit_days::day.gt(after))
            .order(audit_days::day)
            .select((
                audit_days::tenant_id,
                audit_days::day,
                audit_days::number,
                audit_days::head,
            ));
        let standing = audit_tails::table
            .find(Stored(tenant))
            .filter(audit_tails::day.gt(after))
            .select(audit_tails::all_columns);
        let found: Option<HeadRow> = read!(self.0, |conn| {
            match ended.first(conn).await.optional()? {
                Some(ended) => Ok(Some(ended)),
                None => standing.first(conn).await.optional(),
            }
        })?;
        found.map(HeadRow::head).transpose()
    }

    #[tracing::instrument(name = "store_sql.audit_entries", skip_all, fields(%tenant))]
    async fn entries(&self, tenant: TenantId, day: Day, after: u64, limit: u16) -> Result<Vec<Entry>, Fault> {
        let behind = audit_events::table
            .filter(audit_events::tenant_id.eq(Stored(tenant)))
            .filter(audit_events::day.eq(day.0))
            .filter(audit_events::number.gt(codec::big_int(after)?))
            .order(audit_events::number)
            .limit(limit.into());
        let rows: Vec<(RecordRow, Option<i64>, Option<Vec<u8>>)> = read!(self.0, |conn| behind
            .select((RecordRow::as_select(), audit_events::number, audit_events::hash))
            .load(conn)
            .await)?;
        let entry = |(row, number, hash): (RecordRow, Option<i64>, Option<Vec<u8>>)| {
            Ok(Entry {
                event: row.try_into()?,
                number: codec::count(number.unwrap_or_default())?,
                hash: Hash(codec::fixed("audit_events.hash", &hash.unwrap_or_default())?),
            })
        };
        rows.into_iter().map(entry).collect()
    }

    #[tracing::instrument(name = "store_sql.list_audit", skip_all, fields(%tenant))]
    async fn list(
        &self,
        tenant: TenantId,
        before: Option<EventId>,
        limit: Limit,
    ) -> Result<Page<Event>, Fault> {
        // No event is as new as the greatest id: from there the first page is like every other.
        let before = before.unwrap_or(EventId::from_uuid(uuid::Uuid::max()));
        let page = audit_events::table
            .filter(audit_events::tenant_id.eq(Stored(tenant)))
            .filter(audit_events::id.lt(Stored(before)))
            .order(audit_events::id.desc())
            .limit(limit.one_beyond());
        let rows = read!(self.0, |conn| page
            .select(RecordRow::as_select())
            .load(conn)
            .await)?;
        let events = rows.into_iter().map(Event::try_from).collect::<Result<_, _>>()?;
        Ok(Page::cut(events, limit, |last: &Event| Cursor::of(&last.id)))
    }
}

#[derive(Queryable, Insertable)]
#[diesel(table_name = audit_tails)]
struct HeadRow {
    tenant_id: Stored<TenantId>,
    day: i64,
    number: i64,
    head: Vec<u8>,
}

impl HeadRow {
    fn from_head(head: &Head) -> Result<Self, Fault> {
        Ok(Self {
            tenant_id: Stored(head.tenant),
            day: head.day.0,
            number: codec::big_int(head.number)?,
            head: head.hash.0.to_vec(),
        })
    }

    fn head(self) -> Result<Head, Fault> {
        Ok(Head {
            tenant: self.tenant_id.0,
            day: Day(self.day),
            number: codec::count(self.number)?,
            hash: Hash(codec::fixed("audit_tails.head", &self.head)?),
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events)]
struct RecordRow {
    tenant_id: Stored<TenantId>,
    id: Stored<EventId>,
    kind: String,
    subject: String,
    at: Stored<Timestamp>,
    payload: Stored<Value>,
}

impl From<&Event> for RecordRow {
    fn from(event: &Event) -> Self {
        Self {
            tenant_id: Stored(event.tenant),
            id: Stored(event.id),
            kind: event.kind.as_str().to_owned(),
            subject: event.subject.clone(),
            at: Stored(event.at),
            payload: Stored(Value::Object(event.payload.clone())),
        }
    }
}

impl TryFrom<RecordRow> for Event {
    type Error = Fault;

    fn try_from(row: RecordRow) -> Result<Self, Fault> {
        Ok(Self {
            id: row.id.0,
            tenant: row.tenant_id.0,
            kind: row.kind.parse().map_err(Fault::corrupt)?,
            subject: row.subject,
            at: row.at.0,
            payload: payload(row.payload)?,
        })
    }
}
