//! What must work before requests are welcome.

use std::{sync::Arc, time::Duration};

use chancery_accounts::AccountService;
use chancery_ambient::{Clock, Tasks, run_on, within};
use chancery_cache_redis::Redis;
use chancery_store_sql::Database;
use chancery_tokens::TokenService;

use crate::time_keeper::TimeKeeper;

/// The checks behind `/health/ready`.
pub(crate) struct Readiness {
    /// Must answer.
    pub database: Database,
    /// Must answer, where it is set.
    pub redis: Option<Redis>,
    /// Must have a first owner.
    pub accounts: Arc<AccountService>,
    /// Must know the time, where the database has one.
    pub time_keeper: Option<Arc<TimeKeeper>>,
    /// Must know the revocations in force.
    pub tokens: Arc<TokenService>,
    /// Checks run where the pools live.
    pub tasks: Arc<dyn Tasks>,
    /// For the deadline.
    pub clock: Arc<dyn Clock>,
}

const LIMIT: Duration = Duration::from_secs(5);

impl Readiness {
    /// Everything works, or a sentence that says what does not.
    pub(crate) async fn check(this: &Arc<Self>) -> Result<(), String> {
        let checks = this.clone();
        let running = run_on(&*this.tasks, async move { checks.run().await });
        match within(&*this.clock, LIMIT, running).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(fault)) => Err(fault.to_string()),
            Err(late) => Err(format!("readiness checks: {late}")),
        }
    }

    async fn run(&self) -> Result<(), String> {
        self.database
            .ping()
            .await
            .map_err(|fault| format!("database connectivity check failed: {fault}"))?;
        if let Some(redis) = &self.redis {
            redis
                .ping()
                .await
                .map_err(|fault| format!("Redis connectivity check failed: {fault}"))?;
        }
        if !self.tokens.revocations().is_fresh() {
            return Err("the revoked tokens have not been read for too long".to_owned());
        }
        if let Some(time_keeper) = &self.time_keeper {
            time_keeper.verdict()?;
        }
        match self.accounts.has_first_owner().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(
                "bootstrap_required: set BOOTSTRAP_OWNER_EMAIL and BOOTSTRAP_OWNER_PASSWORD and \
                              restart to create the first owner"
                    .to_owned(),
            ),
            Err(fault) => Err(format!("the first owner could not be looked up: {fault}")),
        }
    }
}
