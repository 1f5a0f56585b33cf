//! Looking at what runs wait for.

use chancery_access::{Principal, Scope};
use chancery_ids::ApprovalId;

use crate::{Approval, ApprovalRefused, RunService};

/// How many pending approvals are listed. A person has one for each conversation that waits.
const MOST_LISTED: u16 = 100;

impl RunService {
    /// The caller's approval.
    #[tracing::instrument(name = "agents.approval", skip_all, fields(tenant = %caller.tenant, %approval))]
    pub async fn approval(
        &self,
        caller: &Principal,
        approval: ApprovalId,
    ) -> Result<Approval, ApprovalRefused> {
        caller.require(Scope::CONVERSATIONS_READ)?;
        let owner = caller.require_person()?;
        let found = self
            .parts
            .approvals
            .find_approval(caller.tenant, owner, approval)
            .await?;
        found.ok_or(ApprovalRefused::Absent)
    }

    /// What the caller is asked at this moment, oldest first, up to a hundred.
    #[tracing::instrument(name = "agents.pending_approvals", skip_all, fields(tenant = %caller.tenant))]
    pub async fn pending_approvals(&self, caller: &Principal) -> Result<Vec<Approval>, ApprovalRefused> {
        caller.require(Scope::CONVERSATIONS_READ)?;
        let owner = caller.require_person()?;
        let now = self.parts.ambient.now();
        let store = &self.parts.approvals;
        Ok(store.list_pending(caller.tenant, owner, now, MOST_LISTED).await?)
    }
}
