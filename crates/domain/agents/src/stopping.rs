//! Stopping runs that work here, because of what was said elsewhere.

use chancery_ambient::Fault;
use chancery_ids::{TenantId, UserId};

use crate::{RunService, desk::Order};

/// Runs looked up at once.
const BATCH: u16 = 200;

impl RunService {
    /// Stops the runs of this process whose owners asked another one to stop them.
    #[tracing::instrument(name = "agents.follow_cancels", skip_all)]
    pub async fn follow_cancels(&self) -> Result<(), Fault> {
        if self.live.is_empty() {
            return Ok(());
        }
        for run in self.parts.abandoned.list_to_stop(BATCH).await? {
            self.live.tell(run, Order::Cancel);
        }
        Ok(())
    }

    /// Whose runs work here, each tenant and person once.
    #[must_use]
    pub fn live_owners(&self) -> Vec<(TenantId, UserId)> {
        self.live.owners()
    }

    /// Ends every run of the tenant that works here as failed (`tenant_suspended`), its text kept.
    pub fn suspend(&self, tenant: TenantId) {
        self.live.tell_tenant(tenant, Order::Suspend);
    }
}
