//! The record of what happened.

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_audit::AuditStore;
use chancery_events::Event;
use chancery_ids::{Cursor, EventId, Limit, Page, TenantId};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::Value;

use crate::{
    Database,
    codec::Stored,
    database::{read, write_one},
    outbox::payload,
    schema::events::audit_events,
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
    async fn record(&self, event: &Event) -> Result<(), Fault> {
        let insert = diesel::insert_into(audit_events::table)
            .values(RecordRow::from(event))
            .on_conflict_do_nothing();
        write_one!(self.0, |conn| insert.execute(conn).await.map(drop))
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
