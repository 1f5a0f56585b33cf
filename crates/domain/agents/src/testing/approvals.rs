//! What runs wait for, in memory.

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_events::Event;
use chancery_ids::{ApprovalId, RunId, TenantId, UserId};

use super::storage::{State, Storage};
use crate::{Approval, ApprovalState, ApprovalStore, Run, RunStatus, Settled, Settlement};

impl State {
    pub(super) fn approval(
        &self,
        tenant: TenantId,
        id: ApprovalId,
    ) -> Option<&(UserId, Approval, Option<String>)> {
        let of_tenant = |run: RunId| {
            let mut runs = self.runs.iter();
            runs.any(|(stored, _)| (stored.tenant, stored.id) == (tenant, run))
        };
        let mut all = self.approvals.iter();
        all.find(|(_, approval, _)| approval.id == id && of_tenant(approval.run))
    }

    fn close(
        &mut self,
        id: ApprovalId,
        state: ApprovalState,
        reason: Option<String>,
        at: Timestamp,
        lease_until: Timestamp,
    ) -> Option<(Run, String)> {
        let (_, approval, checkpoint) = self.approvals.iter_mut().find(|(_, found, _)| found.id == id)?;
        let checkpoint = checkpoint.take()?;
        (approval.state, approval.settled_at, approval.reason) = (state, Some(at), reason);
        let (run, _) = self.runs.iter_mut().find(|(run, _)| run.approval == Some(id))?;
        (run.status, run.approval, run.lease_until) = (RunStatus::Running, None, lease_until);
        run.epoch += 1;
        Some((run.clone(), checkpoint))
    }
}

#[async_trait]
impl ApprovalStore for Storage {
    async fn find_approval(
        &self,
        tenant: TenantId,
        owner: UserId,
        approval: ApprovalId,
    ) -> Result<Option<Approval>, Fault> {
        let state = self.state();
        let found = state
            .approval(tenant, approval)
            .filter(|(whose, ..)| *whose == owner);
        Ok(found.map(|(_, approval, _)| approval.clone()))
    }

    async fn list_pending(
        &self,
        tenant: TenantId,
        owner: UserId,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<Approval>, Fault> {
        let state = self.state();
        let all = state.approvals.iter().filter(|(whose, approval, _)| {
            *whose == owner
                && approval.state == ApprovalState::Pending
                && approval.expires_at > now
                && state.approval(tenant, approval.id).is_some()
        });
        let listed = all.map(|(_, approval, _)| approval.clone());
        Ok(listed.take(usize::from(limit)).collect())
    }

    async fn settle(
        &self,
        tenant: TenantId,
        owner: UserId,
        approval: ApprovalId,
        settlement: &Settlement,
        events: &[Event],
    ) -> Result<Settled, Fault> {
        let mut state = self.state();
        let open = state
            .approval(tenant, approval)
            .is_some_and(|(whose, found, _)| *whose == owner && found.expires_at > settlement.at);
        let asked_to_stop = state
            .runs
            .iter()
            .any(|(run, _)| run.approval == Some(approval) && run.cancel_requested);
        if !open || asked_to_stop {
            return Ok(Settled::Closed);
        }
        let closed = if settlement.decision.approved {
            ApprovalState::Approved
        } else {
            ApprovalState::Denied
        };
        let reason = settlement.decision.reason.clone();
        match state.close(approval, closed, reason, settlement.at, settlement.lease_until) {
            Some((run, checkpoint)) => {
                state.events.extend_from_slice(events);
                Ok(Settled::Resumed(Box::new(run), checkpoint))
            }
            None => Ok(Settled::Closed),
        }
    }

    async fn take_back(
        &self,
        tenant: TenantId,
        approval: ApprovalId,
        closed: ApprovalState,
        at: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Option<Run>, Fault> {
        let mut state = self.state();
        if state.approval(tenant, approval).is_none() {
            return Ok(None);
        }
        Ok(state
            .close(approval, closed, None, at, lease_until)
            .map(|(run, _)| run))
    }
}
