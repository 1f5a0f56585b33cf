//! Ending runs whose owner is gone.

use chancery_ambient::{Fault, Timestamp};
use chancery_events::{Event, EventKind};
use chancery_ids::{ApprovalId, TenantId};

use crate::{
    Answer, ApprovalState, FinalStatus, Finish, LEASE, LifecycleStatus, Run, RunEvent, RunFailure,
    RunService, RunStatus, Usage, What, working::error_event,
};

/// Runs looked up at once.
const BATCH: u16 = 50;
/// Events of a log read at once.
const PIECE: u16 = 1000;

impl RunService {
    /// Ends runs whose lease is over; how many. Safe to call on every replica at once.
    #[tracing::instrument(name = "agents.recover_abandoned", skip_all)]
    pub async fn recover_abandoned(&self) -> Result<usize, Fault> {
        let now = self.parts.ambient.now();
        self.recover_before(now).await
    }

    /// Ends every run that counts as live, leases or not; how many. For the start of the only process over a store, when
    /// whoever held them is gone.
    #[tracing::instrument(name = "agents.recover_all", skip_all)]
    pub async fn recover_all(&self) -> Result<usize, Fault> {
        self.recover_before(Timestamp::FAR_FUTURE).await
    }

    async fn recover_before(&self, leases_before: Timestamp) -> Result<usize, Fault> {
        let mut ended = 0;
        loop {
            let now = self.parts.ambient.now();
            let store = &self.parts.abandoned;
            let abandoned = store.list_abandoned(leases_before, now, BATCH).await?;
            let before = ended;
            for run in &abandoned {
                ended += usize::from(self.recover_one(run, leases_before).await?);
            }
            // Nothing more, or others are at the rest.
            if abandoned.len() < usize::from(BATCH) || ended == before {
                return Ok(ended);
            }
        }
    }

    /// Ends an abandoned run as failed, with the answer that its log adds up to. Whoever else tries at the same time finds it
    /// taken; `false` then.
    pub(crate) async fn recover_one(&self, run: &Run, lease_before: Timestamp) -> Result<bool, Fault> {
        let (runs, now) = (&self.parts.runs, self.parts.ambient.now());
        let lease = now.plus(LEASE);
        if let Some(approval) = run.approval {
            let failure = RunFailure::by_server(
                "approval_expired",
                "nobody agreed to a call of a tool in time",
                false,
            );
            let expired = ApprovalState::Expired;
            return self.close(run.tenant, approval, expired, Some(failure)).await;
        }
        let taken = runs.take_over(run.tenant, run.id, lease_before, lease).await?;
        let Some(run) = taken else { return Ok(false) };
        let failure = RunFailure::by_server(
            "run_abandoned",
            "the server that worked on this ended before it was done",
            true,
        );
        self.end_by_its_log(&run, Some(failure)).await
    }

    /// Ends the run that waits for this, because its owner asked.
    pub(crate) async fn withdraw(&self, tenant: TenantId, approval: ApprovalId) -> Result<bool, Fault> {
        self.close(tenant, approval, ApprovalState::Withdrawn, None).await
    }

    async fn close(
        &self,
        tenant: TenantId,
        approval: ApprovalId,
        state: ApprovalState,
        failure: Option<RunFailure>,
    ) -> Result<bool, Fault> {
        let (store, now) = (&self.parts.approvals, self.parts.ambient.now());
        let taken = store
            .take_back(tenant, approval, state, now, now.plus(LEASE))
            .await?;
        match taken {
            Some(run) => self.end_by_its_log(&run, failure).await,
            None => Ok(false),
        }
    }

    /// Ends a run that is ours and that nobody works on: failed, or cancelled when there is no failure.
    async fn end_by_its_log(&self, run: &Run, failure: Option<RunFailure>) -> Result<bool, Fault> {
        let parts = &*self.parts;
        let now = parts.ambient.now();
        let mut events = self.whole_log(run).await?;
        let unwritten = self.seen_and_not_written(run, &events).await;
        events.extend_from_slice(&unwritten);
        let (text, usage) = (crate::event::answer_of(&events), Usage::sum(&run.used));
        let (status, lifecycle, kind) = match failure {
            Some(_) => (RunStatus::Failed, LifecycleStatus::Failed, EventKind::RunFailed),
            None => (
                RunStatus::Cancelled,
                LifecycleStatus::Cancelled,
                EventKind::RunCancelled,
            ),
        };
        let reason = failure.as_ref().map(|failure| failure.code.clone());
        let mut last = crate::event::broken_off(&events);
        last.push(What::Lifecycle {
            status: lifecycle,
            reason: reason.clone(),
        });
        last.push(match &failure {
            Some(failure) => error_event(failure),
            None => What::Final {
                status: FinalStatus::Cancelled,
                response_text: text.clone(),
                refusal_text: None,
                usage,
            },
        });
        let agent = Some(run.active_agent.clone());
        // Above everything that anybody may have seen.
        let first = run.ids_until.max(events.last().map_or(0, |last| last.id)) + 1;
        let last = (first..).zip(last).map(|(id, what)| RunEvent {
            id,
            at: now,
            agent: agent.clone(),
            scope: None,
            what,
        });
        let last: Vec<_> = last.collect();
        let finish = Finish {
            events: [unwritten, last.clone()].concat(),
            status,
            answer: (!text.is_empty()).then(|| Answer {
                id: parts.ambient.new_id(),
                text,
            }),
            active_agent: run.active_agent.clone(),
            usage,
            at: now,
        };
        let ended = Event::new(&parts.ambient, run.tenant, kind, run.id.to_string());
        let announced = [ended.with("reason", reason).with_usage(run.owner, &run.used)];
        let ended = parts
            .runs
            .finish(run.tenant, run.id, run.epoch, &finish, &announced)
            .await?;
        if ended {
            // Whoever follows it here, after a stall or a panic of its task, would wait for ever.
            parts.fan_out.publish(run.tenant, run.id, &last).await;
            parts.fan_out.close(run.tenant, run.id).await;
        }
        Ok(ended)
    }

    /// What the fan-out still holds beyond the log: readers have seen it, so it belongs to the answer.
    async fn seen_and_not_written(&self, run: &Run, log: &[RunEvent]) -> Vec<RunEvent> {
        let after = log.last().map_or(0, |last| last.id);
        let following = self.parts.fan_out.follow(run.tenant, run.id).await;
        let kept = following.map(|following| following.kept).unwrap_or_default();
        let unwritten = kept
            .into_iter()
            .filter(|event| after < event.id && event.id <= run.ids_until);
        unwritten.filter(|event| !event.what.is_terminal()).collect()
    }

    async fn whole_log(&self, run: &Run) -> Result<Vec<RunEvent>, Fault> {
        let mut events: Vec<RunEvent> = Vec::new();
        loop {
            let after = events.last().map_or(0, |last| last.id);
            let piece = self.parts.runs.read_log(run.tenant, run.id, after, PIECE).await?;
            if piece.is_empty() {
                return Ok(events);
            }
            events.extend(piece);
        }
    }
}
