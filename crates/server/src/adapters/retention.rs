//! What is not kept for ever.

use std::sync::Arc;

use chancery_ambient::Ambient;
use chancery_store_sql::{Database, SqlLeases, SqlRuns};

use super::{Failure, database_and_time};
use crate::{config::Config, retention::Retention};

pub(super) fn of(config: &Config, database: &Database, ambient: &Ambient) -> Retention {
    Retention {
        logs: Arc::new(SqlRuns::new(database.clone())),
        leases: Arc::new(SqlLeases::new(database.clone())),
        kept: config.model.log_retention,
        replica: ambient.new_id(),
        ambient: ambient.clone(),
    }
}

/// The same for an operator's command, beside servers that may be running.
pub(crate) async fn retention(config: &Config, ambient: &Ambient) -> Result<Retention, Failure> {
    let (database, ambient) = database_and_time(config, ambient).await?;
    Ok(of(config, &database, &ambient))
}
