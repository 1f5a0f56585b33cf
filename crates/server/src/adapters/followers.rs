//! Who follows what happens: the record and the usage ledger.

use std::sync::Arc;

use chancery_ambient::Ambient;
use chancery_audit::AuditTrail;
use chancery_billing::{UsageLedger, UsageService};
use chancery_events::Relay;
use chancery_store_sql::{Database, SqlAudit, SqlOutbox, SqlUsage};

use crate::metrics::Metrics;

pub(super) fn relay(database: &Database, metrics: &Arc<Metrics>, ambient: &Ambient) -> Relay {
    let clock = &ambient.clock;
    let trail = AuditTrail::new(Arc::new(SqlAudit::new(database.clone())), clock.clone());
    let ledger = UsageLedger::new(Arc::new(SqlUsage::new(database.clone())), metrics.clone());
    let outbox = Arc::new(SqlOutbox::new(database.clone()));
    Relay::new(outbox, vec![Arc::new(trail), Arc::new(ledger)], clock.clone())
}

pub(super) fn usage(database: &Database) -> UsageService {
    UsageService::new(Arc::new(SqlUsage::new(database.clone())))
}
