//! Letting a run wait for a person, and going on with it.

use chancery_access::{Principal, Scope};
use chancery_ambient::Fault;
use chancery_events::{Event, EventKind};
use chancery_ids::{ApprovalId, ConversationKey, RunId};

use crate::{
    Approval, ApprovalRefused, ApprovalState, Decision, LEASE, LONGEST_REASON, Outcome, Pause, Run,
    RunService, RunStatus, Settled, Settlement, ToolCallStatus, What,
    checkpoint::{Checkpoint, Progress},
    desk::Desk,
    log_writer::LogWriter,
    meter::Meter,
    turn::Turn,
    working::{Job, Start},
};

impl RunService {
    /// Stores that the run waits with its first call that is left. `None` when it was lost to another owner.
    pub(crate) async fn pause(
        &self,
        run: RunId,
        conversation: &ConversationKey,
        desk: Desk,
        turn: &mut Turn<'_>,
        progress: Progress,
    ) -> Option<Outcome> {
        let ambient = &self.parts.ambient;
        let (call, place) = progress.calls.front().cloned().zip(progress.waiting.clone())?;
        let (id, agent, now) = (ambient.new_id(), turn.agent.name.clone(), ambient.now());
        let asked = What::ToolApproval {
            item: place.clone(),
            call_id: call.id.clone(),
            name: call.name.clone(),
            tool: turn.toolbox.kind_of(&call.name),
            approval: id,
            approved: None,
            reason: None,
        };
        let last = vec![
            turn.toolbox
                .status(&place, &call, ToolCallStatus::AwaitingApproval),
            asked,
        ];
        let (log, spoken) = desk.leave();
        let text = spoken.text().to_owned();
        let approval = Approval {
            id,
            run,
            conversation_key: conversation.clone(),
            agent: agent.clone(),
            tool: call.name,
            call_id: call.id,
            arguments: call.arguments,
            state: ApprovalState::Pending,
            asked_at: now,
            expires_at: now.plus(self.settings.limits.approval),
            settled_at: None,
            reason: None,
        };
        let pause = Pause {
            approval,
            events: Vec::new(),
            active_agent: agent.clone(),
            used: log.meter.used().to_vec(),
            checkpoint: String::new(),
        };
        let (usage, used) = (log.meter.total(), pause.used.clone());
        let (handoffs, tool_calls) = (turn.handoffs, turn.tool_calls);
        let checkpoint = |next_event| {
            let checkpoint = Checkpoint {
                agent: agent.clone(),
                usage,
                used,
                handoffs,
                tool_calls,
                progress,
                spoken,
                next_event,
            };
            serde_json::to_string(&checkpoint).map_err(Fault::corrupt)
        };
        let mut announced = turn.take_refused();
        let tenant = turn.toolbox.caller.tenant;
        let paused = Event::new(ambient, tenant, EventKind::RunPaused, run.to_string());
        announced.push(log.meter.told_in(paused.with("approval", id.to_string())));
        log.pause(last, pause, checkpoint, &announced).await.ok()?;
        Some(Outcome {
            status: RunStatus::AwaitingApproval,
            text,
            refusal: None,
            agent,
            handoff_occurred: handoffs > 0,
            usage,
            failure: None,
            approval: Some(id),
            tripped: std::mem::take(&mut turn.toolbox.tripped),
        })
    }

    /// Says whether a call may be made; its run goes on with that. Saying the same again is harmless.
    #[tracing::instrument(name = "agents.settle", skip_all, fields(tenant = %caller.tenant, %approval))]
    pub async fn settle(
        &self,
        caller: &Principal,
        approval: ApprovalId,
        decision: Decision,
    ) -> Result<Approval, ApprovalRefused> {
        caller.require(Scope::CONVERSATIONS_WRITE)?;
        // What a person is asked, the person answers.
        caller.require_own()?;
        let owner = caller.require_person()?;
        if decision
            .reason
            .as_ref()
            .is_some_and(|reason| reason.len() > LONGEST_REASON)
        {
            return Err(ApprovalRefused::ReasonTooLong);
        }
        if self.live.is_closed() {
            return Err(ApprovalRefused::ShuttingDown);
        }
        let ambient = &self.parts.ambient;
        let at = ambient.now();
        let (kind, approved) = (EventKind::ApprovalSettled, decision.approved);
        let event = Event::new(ambient, caller.tenant, kind, approval.to_string())
            .with("by", owner.to_string())
            .with("approved", approved);
        let settlement = Settlement {
            decision: decision.clone(),
            at,
            lease_until: at.plus(LEASE),
        };
        let store = &self.parts.approvals;
        let events = [event];
        let settled = store.settle(caller.tenant, owner, approval, &settlement, &events);
        let settled = settled.await?;
        // First of all: from here on nobody else will go on with the run.
        if let Settled::Resumed(run, checkpoint) = &settled {
            self.go_on(caller, run, checkpoint, (approval, decision))?;
        }
        let found = store.find_approval(caller.tenant, owner, approval).await?;
        let found = found.ok_or(ApprovalRefused::Absent)?;
        if settled != Settled::Closed {
            return Ok(found);
        }
        match found.state {
            ApprovalState::Approved if approved => Ok(found),
            ApprovalState::Denied if !approved => Ok(found),
            // Its time is over, or its run is being stopped.
            ApprovalState::Pending => Err(ApprovalRefused::Closed(ApprovalState::Expired)),
            closed @ (ApprovalState::Approved
            | ApprovalState::Denied
            | ApprovalState::Expired
            | ApprovalState::Withdrawn) => Err(ApprovalRefused::Closed(closed)),
        }
    }

    fn go_on(
        &self,
        caller: &Principal,
        run: &Run,
        checkpoint: &str,
        decision: (ApprovalId, Decision),
    ) -> Result<(), Fault> {
        let mut checkpoint: Checkpoint = serde_json::from_str(checkpoint).map_err(Fault::corrupt)?;
        checkpoint.progress.decision = Some(decision);
        // An older program did not count them, and there is the one that waited.
        checkpoint.progress.calls_in_turn = checkpoint.progress.calls_in_turn.max(1);
        let log = LogWriter::of_resumed_run(
            self.parts.runs.clone(),
            self.parts.fan_out.clone(),
            self.parts.ambient.clone(),
            self.settings.flush,
            run,
            checkpoint.next_event,
            Meter::resumed(run.owner, checkpoint.usage, checkpoint.used.clone()),
        );
        let job = Job {
            tenant: run.tenant,
            run: run.id,
            conversation_key: run.conversation_key.clone(),
            agent: checkpoint.agent.clone(),
            log,
            start: Start::Checkpoint(Box::new(checkpoint)),
        };
        // It is read by its id.
        drop(self.spawn(caller, job));
        Ok(())
    }
}
