//! What belongs to every tenant, in memory; and the names of turns.

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_ids::RunId;

use super::storage::{State, Storage};
use crate::{Begun, NewRun, Run, RunStatus, RunSystemStore, TurnClaim};

#[async_trait]
impl RunSystemStore for Storage {
    async fn list_abandoned(
        &self,
        leases_before: Timestamp,
        now: Timestamp,
        limit: u16,
    ) -> Result<Vec<Run>, Fault> {
        let state = self.state();
        let runs = state.runs.iter().map(|(stored, _)| stored);
        let is_over = |run: &&Run| match run.status {
            RunStatus::Running => run.lease_until < leases_before,
            RunStatus::AwaitingApproval => run.lease_until < now,
            RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled => false,
        };
        let mut runs: Vec<_> = runs.filter(is_over).cloned().collect();
        runs.sort_by_key(|run| run.lease_until);
        runs.truncate(usize::from(limit));
        Ok(runs)
    }

    async fn list_to_stop(&self, limit: u16) -> Result<Vec<RunId>, Fault> {
        let state = self.state();
        let runs = state.runs.iter().map(|(stored, _)| stored);
        let asked = runs.filter(|run| run.status == RunStatus::Running && run.cancel_requested);
        Ok(asked.map(|run| run.id).take(usize::from(limit)).collect())
    }

    async fn prune_claims(&self, before: Timestamp) -> Result<u64, Fault> {
        let mut state = self.state();
        let held = state.claims.len();
        state.claims.retain(|(.., began)| *began >= before);
        Ok(u64::try_from(held - state.claims.len()).unwrap())
    }
}

impl State {
    /// What a turn whose name is known gets instead of a run.
    pub(super) fn answer_to_claim(&self, run: &NewRun) -> Option<Begun> {
        let claim = run.claim.as_ref()?;
        let name = |claim: &TurnClaim| (claim.principal.clone(), claim.route, claim.key.clone());
        let held = self
            .claims
            .iter()
            .find(|(tenant, held, ..)| *tenant == run.tenant && name(held) == name(claim));
        held.map(|(_, held, began, _)| {
            if held.request_digest == claim.request_digest {
                Begun::Repeated(*began)
            } else {
                Begun::KeyReused
            }
        })
    }
}
