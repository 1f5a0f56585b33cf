//! A turn that is sent again: its run is found, and answers again.

use std::sync::Arc;

use chancery_ambient::{Fault, cause_of};
use chancery_ids::{RunId, TenantId, UserId};
use futures::{FutureExt, StreamExt};
use tokio::sync::watch;

use crate::{
    ChatRefused, FinalStatus, Outcome, RunEvents, RunFailure, RunService, RunStatus, StartedRun, Usage, What,
};

impl RunService {
    /// The run that this turn began before, wherever it works. Its outcome is what the first answer said, or will say; who
    /// streams reads the events instead.
    pub(crate) async fn repeat(
        &self,
        tenant: TenantId,
        owner: UserId,
        run: RunId,
        streamed: bool,
    ) -> Result<StartedRun, ChatRefused> {
        let found = self.parts.runs.find(tenant, owner, run).await?;
        let found = found.ok_or(ChatRefused::RunIsDeleted(run))?;
        let (tell, outcome) = watch::channel(None);
        let started = StartedRun {
            run,
            conversation_key: found.conversation_key.clone(),
            outcome,
        };
        if !streamed {
            let events = self.events(Arc::new(found), 0);
            let reading = async move {
                tokio::select! {
                    () = tell.closed() => {}
                    outcome = outcome_of(events) => {
                        tell.send_replace(outcome);
                    }
                }
            };
            self.parts.tasks.spawn(reading.boxed());
        }
        Ok(started)
    }

    /// Forgets the names of turns that began a day ago or more; how many.
    #[tracing::instrument(name = "agents.prune_claims", skip_all)]
    pub async fn prune_claims(&self) -> Result<u64, Fault> {
        let now = self.parts.ambient.now();
        self.parts.abandoned.prune_claims(now.minus(CLAIMS_LAST)).await
    }
}

/// How long the name of a turn is kept.
const CLAIMS_LAST: std::time::Duration = std::time::Duration::from_hours(24);

/// What a run's events come to, up to its end or to where it first waits: there the first answer was given.
async fn outcome_of(mut events: RunEvents) -> Option<Outcome> {
    let mut outcome = Outcome {
        status: RunStatus::Running,
        text: String::new(),
        refusal: None,
        agent: String::new(),
        handoff_occurred: false,
        usage: Usage::default(),
        failure: None,
        approval: None,
        tripped: Vec::new(),
    };
    while let Some(event) = events.next().await {
        let event = event
            .inspect_err(|refused| {
                let source = cause_of(refused);
                tracing::warn!(source, "{refused}; a turn that was sent again has no answer");
            })
            .ok()?;
        if let Some(agent) = event.agent {
            outcome.agent = agent;
        }
        match event.what {
            What::AgentUpdated { .. } => outcome.handoff_occurred = true,
            What::Guardrail(tripped) => outcome.tripped.push(tripped),
            What::ToolApproval {
                approval,
                approved: None,
                ..
            } => {
                outcome.status = RunStatus::AwaitingApproval;
                outcome.approval = Some(approval);
                return Some(outcome);
            }
            What::Final {
                status,
                response_text,
                refusal_text,
                usage,
            } => {
                outcome.status = match status {
                    FinalStatus::Cancelled => RunStatus::Cancelled,
                    FinalStatus::Completed | FinalStatus::Refused => RunStatus::Completed,
                };
                (outcome.text, outcome.refusal, outcome.usage) = (response_text, refusal_text, usage);
                return Some(outcome);
            }
            What::Error {
                code,
                message,
                source,
                is_retryable,
            } => {
                outcome.status = RunStatus::Failed;
                outcome.failure = Some(RunFailure {
                    code,
                    message,
                    source,
                    is_retryable,
                });
                return Some(outcome);
            }
            What::Lifecycle { .. }
            | What::ItemAdded(_)
            | What::ItemDone(_)
            | What::MessageDelta { .. }
            | What::RefusalDelta { .. }
            | What::RefusalDone { .. }
            | What::ToolArguments { .. }
            | What::ToolStatus { .. }
            | What::ToolOutput { .. }
            | What::ToolApproval { .. } => {}
        }
    }
    None
}
