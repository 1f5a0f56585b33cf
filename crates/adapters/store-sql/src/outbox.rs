//! Events that wait for their consumers.

use std::time::Duration;

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_events::{Event, EventKind, OutboxStore};
use chancery_ids::{EventId, TenantId};
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::{Map, Value};

use crate::{
    Database,
    database::{Engine, transaction, write_one},
    fault::{failed, no_connection, settled},
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

#[async_trait]
impl OutboxStore for SqlOutbox {
    #[tracing::instrument(name = "store_sql.announce", skip_all)]
    async fn announce(&self, events: &[Event]) -> Result<(), Fault> {
        transaction!(self.0, |conn| Ok(conn.announce(events).await?))
    }

    #[tracing::instrument(name = "store_sql.claim", skip_all)]
    async fn claim(&self, now: Timestamp, lease: Duration, limit: u16) -> Result<Vec<Event>, Fault> {
        let until = now.plus(lease);
        // A kind that only a newer program knows is left for that.
        let known: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        let waiting = outbox::table
            .filter(outbox::claimed_until.is_null().or(outbox::claimed_until.le(Some(now))))
            .filter(outbox::kind.eq_any(known))
            .order(outbox::id)
            .limit(i64::from(limit));
        let rows: Vec<EventRow> = match &self.0.engine {
            Engine::Sqlite { writer, .. } => {
                let mut pooled = writer.get().await.map_err(no_connection)?;
                let ids = waiting.select(outbox::id);
                diesel::update(outbox::table.filter(outbox::id.eq_any(ids)))
                    .set(outbox::claimed_until.eq(Some(until)))
                    .returning(EventRow::as_returning())
                    .load(&mut *pooled)
                    .await
                    .map_err(failed)?
            }
            // Workers pass over the rows that another is just claiming.
            Engine::Postgres(pool) => {
                let mut pooled = pool.get().await.map_err(no_connection)?;
                let claim = async move |conn: &mut AsyncPgConnection| {
                    let rows: Vec<EventRow> = waiting
                        .select(EventRow::as_select())
                        .for_update()
                        .skip_locked()
                        .load(conn)
                        .await?;
                    let ids: Vec<EventId> = rows.iter().map(|row| row.id).collect();
                    diesel::update(outbox::table.filter(outbox::id.eq_any(ids)))
                        .set(outbox::claimed_until.eq(Some(until)))
                        .execute(conn)
                        .await?;
                    Ok(rows)
                };
                settled((*pooled).transaction(claim).await)?
            }
        };
        let mut events = rows.into_iter().map(Event::try_from).collect::<Result<Vec<_>, _>>()?;
        events.sort_by_key(|event| event.id);
        Ok(events)
    }

    #[tracing::instrument(name = "store_sql.settle", skip_all)]
    async fn settle(&self, delivered: &[EventId]) -> Result<(), Fault> {
        if delivered.is_empty() {
            return Ok(());
        }
        let these = outbox::table.filter(outbox::id.eq_any(delivered));
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

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = outbox)]
struct EventRow {
    id: EventId,
    tenant_id: TenantId,
    kind: String,
    subject: String,
    at: Timestamp,
    payload: Value,
}

impl From<&Event> for EventRow {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id,
            tenant_id: event.tenant,
            kind: event.kind.as_str().to_owned(),
            subject: event.subject.clone(),
            at: event.at,
            payload: Value::Object(event.payload.clone()),
        }
    }
}

impl TryFrom<EventRow> for Event {
    type Error = Fault;

    fn try_from(row: EventRow) -> Result<Self, Fault> {
        Ok(Self {
            id: row.id,
            tenant: row.tenant_id,
            kind: row.kind.parse().map_err(Fault::corrupt)?,
            subject: row.subject,
            at: row.at,
            payload: payload(row.payload)?,
        })
    }
}

/// The facts of an event as they were stored.
pub(crate) fn payload(stored: Value) -> Result<Map<String, Value>, Fault> {
    match stored {
        Value::Object(facts) => Ok(facts),
        _ => Err(Fault::corrupt("the payload of an event is no object")),
    }
}
