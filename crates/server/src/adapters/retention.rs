//! What is not kept for ever.

use std::{sync::Arc, time::Duration};

use chancery_ambient::Ambient;
use chancery_conversations::OldConversations;
use chancery_store_sql::{Database, SqlConversations, SqlLeases, SqlRefreshFamilies, SqlRuns, SqlUsage};

use super::{Failure, database_and_time};
use crate::{
    config::Config,
    retention::{Conversations, Job, Retention, Rule, RunLogs, Sessions, UsageRecords},
};

pub(super) fn of(config: &Config, database: &Database, ambient: &Ambient) -> Retention {
    let keep = &config.keep;
    let conversations = Arc::new(SqlConversations::new(database.clone()));
    let conversations = Conversations(OldConversations::new(conversations, ambient.clone()));
    let sessions = Sessions(Arc::new(SqlRefreshFamilies::new(database.clone())));
    let usage = UsageRecords(Arc::new(SqlUsage::new(database.clone())));
    let run_logs = RunLogs(Arc::new(SqlRuns::new(database.clone())));
    Retention {
        // Conversations first: what goes with them need not be forgotten apart.
        rules: vec![
            rule("conversations", keep.conversations, conversations),
            rule("run_logs", keep.run_logs, run_logs),
            rule("sessions", keep.sessions, sessions),
            rule("usage_records", keep.usage_records, usage),
        ],
        leases: Arc::new(SqlLeases::new(database.clone())),
        replica: ambient.new_id(),
        ambient: ambient.clone(),
    }
}

fn rule(what: &'static str, kept: Option<Duration>, job: impl Job + 'static) -> Rule {
    let job = Box::new(job);
    Rule { what, kept, job }
}

/// The same for an operator's command, beside servers that may be running.
pub(crate) async fn retention(config: &Config, ambient: &Ambient) -> Result<Retention, Failure> {
    let (database, ambient) = database_and_time(config, ambient).await?;
    Ok(of(config, &database, &ambient))
}
