//! Events that wait for their consumers.

use std::time::Duration;

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_events::{Event, EventKind, OutboxStore};
use chancery_ids::{EventId, TenantId};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::{Map, Value};

use crate::{
    Database,
    codec::Stored,
    database::{transaction, write_one},
    schema::events::outbox,
    sqlite::Sqlite,
};

/// [`OutboxStore`] on either engine.
pub struct SqlOutbox(Database);

impl SqlOutbox {
    /// The events that wait in `database`.
    #[must_use]
    pub const fn new(database: Database) -> Self {
        Self(database)
    }
}

/// However many are asked for: each is a parameter of a statement, and SQLite takes 32,766.
const MOST_AT_ONCE: u16 = 1000;

#[async_trait]
impl OutboxStore for SqlOutbox {
    #[tracing::instrument(name = "store_sql.announce", skip_all)]
    async fn announce(&self, events: &[Event]) -> Result<(), Fault> {
        transaction!(self.0, |conn| Ok(conn.announce(events).await?))
    }

    #[tracing::instrument(name = "store_sql.claim", skip_all)]
    async fn claim(&self, now: Timestamp, lease: Duration, limit: u16) -> Result<Vec<Event>, Fault> {
        let (now, until) = (Stored(now), Stored(now.plus(lease)));
        let rows = transaction!(self.0, |conn| {
            let rows = conn.lock_waiting(now, i64::from(limit.min(MOST_AT_ONCE))).await?;
            let these = outbox::table.filter(outbox::id.eq_any(rows.iter().map(|row| row.id)));
            diesel::update(these)
                .set(outbox::claimed_until.eq(until))
                .execute(conn)
                .await?;
            Ok(rows)
        })?;
        rows.into_iter().map(Event::try_from).collect()
    }

    #[tracing::instrument(name = "store_sql.settle", skip_all)]
    async fn settle(&self, delivered: &[EventId]) -> Result<(), Fault> {
        if delivered.is_empty() {
            return Ok(());
        }
        let these = outbox::table.filter(outbox::id.eq_any(delivered.iter().copied().map(Stored)));
        write_one!(self.0, |conn| diesel::delete(these).execute(conn).await.map(drop))
    }
}

/// Writes events, inside the transaction of the change that they announce: `conn.announce(events).await?`. An event that
/// waits already is left as it is, because commands are repeated.
pub(crate) trait Announce {
    async fn announce(&mut self, events: &[Event]) -> QueryResult<()>;
}

impl Announce for Sqlite {
    /// One statement an event: on SQLite a statement costs no way there and back, and diesel builds none of many rows.
    async fn announce(&mut self, events: &[Event]) -> QueryResult<()> {
        for event in events {
            diesel::insert_into(outbox::table)
                .values(EventRow::from(event))
                .on_conflict_do_nothing()
                .execute(self)
                .await?;
        }
        Ok(())
    }
}

impl Announce for AsyncPgConnection {
    async fn announce(&mut self, events: &[Event]) -> QueryResult<()> {
        if events.is_empty() {
            return Ok(());
        }
        let rows: Vec<EventRow> = events.iter().map(EventRow::from).collect();
        diesel::insert_into(outbox::table)
            .values(rows)
            .on_conflict_do_nothing()
            .execute(self)
            .await
            .map(drop)
    }
}

/// The oldest events that nobody has taken, for as long as the transaction lasts.
trait LockWaiting {
    async fn lock_waiting(&mut self, now: Stored<Timestamp>, limit: i64) -> QueryResult<Vec<EventRow>>;
}

impl LockWaiting for Sqlite {
    /// The transaction holds the write lock: there is no other worker.
    async fn lock_waiting(&mut self, now: Stored<Timestamp>, limit: i64) -> QueryResult<Vec<EventRow>> {
        waiting(now, known_kinds(), limit)
            .select(EventRow::as_select())
            .load(self)
            .await
    }
}

impl LockWaiting for AsyncPgConnection {
    /// Workers pass over the rows that another is just taking.
    async fn lock_waiting(&mut self, now: Stored<Timestamp>, limit: i64) -> QueryResult<Vec<EventRow>> {
        waiting(now, known_kinds(), limit)
            .select(EventRow::as_select())
            .for_update()
            .skip_locked()
            .load(self)
            .await
    }
}

#[diesel::dsl::auto_type]
fn waiting(now: Stored<Timestamp>, kinds: Vec<&'static str>, limit: i64) -> _ {
    outbox::table
        .filter(outbox::claimed_until.is_null().or(outbox::claimed_until.le(now)))
        .filter(outbox::kind.eq_any(kinds))
        .order(outbox::position)
        .limit(limit)
}

/// A kind that only a newer program knows is left for that.
fn known_kinds() -> Vec<&'static str> {
    EventKind::ALL.iter().map(|kind| kind.as_str()).collect()
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = outbox)]
struct EventRow {
    id: Stored<EventId>,
    tenant_id: Stored<TenantId>,
    kind: String,
    subject: String,
    at: Stored<Timestamp>,
    payload: Stored<Value>,
}

impl From<&Event> for EventRow {
    fn from(event: &Event) -> Self {
        Self {
            id: Stored(event.id),
            tenant_id: Stored(event.tenant),
            kind: event.kind.as_str().to_owned(),
            subject: event.subject.clone(),
            at: Stored(event.at),
            payload: Stored(Value::Object(event.payload.clone())),
        }
    }
}

impl TryFrom<EventRow> for Event {
    type Error = Fault;

    fn try_from(row: EventRow) -> Result<Self, Fault> {
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

/// The facts of an event as they were stored.
pub(crate) fn payload(stored: Stored<Value>) -> Result<Map<String, Value>, Fault> {
    let Value::Object(facts) = stored.0 else {
        return Err(Fault::corrupt("the payload of an event is no object"));
    };
    Ok(facts)
}
