//! A run at work in this process: its task, from where it begins to its end or to where it waits.

use std::{panic::AssertUnwindSafe, sync::Arc};

use chancery_access::Principal;
use chancery_ambient::{Fault, cause_of};
use chancery_conversations::{MessageStatus, Order as MessageOrder, Role};
use chancery_events::{Event, EventKind};
use chancery_ids::{ConversationId, ConversationKey, Limit, RunId, TenantId};
use futures::FutureExt;
use tokio::sync::watch;

use crate::{
    Answer, FinalStatus, Finish, HostedAgent, LifecycleStatus, Memory, MemoryStrategy, ModelInput, NewRun,
    Outcome, RunFailure, RunService, RunStatus, StartedRun, What,
    checkpoint::{Checkpoint, Progress},
    desk::{Desk, Order, Spoken, Stop},
    live::LiveRuns,
    log_writer::LogWriter,
    titling::{self, Answered},
    turn::{Broken, Turn},
};

impl RunService {
    /// Starts the task that works on a run that was just begun.
    pub(crate) async fn work(
        &self,
        caller: &Principal,
        new: NewRun,
        (conversation, position): (ConversationId, u64),
        strategy: Option<MemoryStrategy>,
    ) -> StartedRun {
        // Before anybody can follow: who finds a run not carried here reads its log, and that is slow.
        let fan_out = &self.parts.fan_out;
        fan_out.publish(new.tenant, new.id, &new.events).await;
        let log = LogWriter::of_new_run(
            self.parts.runs.clone(),
            self.parts.fan_out.clone(),
            self.parts.ambient.clone(),
            self.settings.flush,
            &new,
        );
        let job = Job {
            tenant: new.tenant,
            run: new.id,
            conversation_key: new.conversation_key,
            agent: new.entry_agent,
            log,
            start: Start::Message {
                conversation,
                position,
                text: new.text,
                strategy,
            },
        };
        self.spawn(caller, job)
    }

    /// Starts the task that works on a run that is this process's.
    pub(crate) fn spawn(&self, caller: &Principal, job: Job) -> StartedRun {
        let owner = caller.subject.person();
        let orders = self.live.enter(job.run, job.tenant, owner);
        let (tell, outcome) = watch::channel(None);
        let started = StartedRun {
            run: job.run,
            conversation_key: job.conversation_key.clone(),
            outcome,
        };
        let (service, caller) = (self.clone(), caller.clone());
        let leave = Leave {
            live: self.live.clone(),
            run: job.run,
        };
        let task = async move {
            let _leave = leave;
            let ended = service.perform(&caller, job, orders).await;
            tell.send_replace(ended);
        };
        self.parts.tasks.spawn(task.boxed());
        started
    }

    /// The run from here to its end, or to where it has to wait. `None` when it was lost to another owner.
    async fn perform(&self, caller: &Principal, job: Job, orders: watch::Receiver<Order>) -> Option<Outcome> {
        let parts = &*self.parts;
        let (tenant, run) = (job.tenant, job.run);
        let is_early = job.start.is_early();
        let mut turn = self.turn(caller, parts.agents.find(&job.agent)?);
        let (progress, spoken) = match job.start {
            Start::Message {
                conversation,
                position,
                text,
                strategy,
            } => {
                let memory = turn.agent.memory;
                let strategy = strategy.unwrap_or(memory.strategy);
                let memory = Memory { strategy, ..memory };
                let before = self.context(tenant, conversation, position, memory).await;
                (
                    before.map(|before| Progress::new(before, text)),
                    Spoken::default(),
                )
            }
            Start::Checkpoint(checkpoint) => {
                turn.handoffs = checkpoint.handoffs;
                turn.tool_calls = checkpoint.tool_calls;
                (Ok(checkpoint.progress), checkpoint.spoken)
            }
        };
        let limit = self.settings.limits.time;
        let mut desk = Desk::new(job.log, parts.ambient.clone(), orders, limit, spoken);
        let mut progress = progress;
        let answered = match &mut progress {
            Ok(progress) => {
                // A panic in the code of a model or a tool ends this run and nothing else.
                AssertUnwindSafe(turn.answer(&mut desk, progress))
                    .catch_unwind()
                    .await
                    .unwrap_or_else(|_panic| {
                        tracing::error!(%run, "a model or a tool panicked");
                        let message = "something went wrong in the server";
                        Err(Broken::Failed(RunFailure::by_server(
                            "internal_error",
                            message,
                            true,
                        )))
                    })
            }
            Err(fault) => {
                let source = cause_of(fault);
                tracing::warn!(source, "{fault}; the conversation could not be read");
                Err(Broken::Failed(RunFailure::by_server(
                    "store_unavailable",
                    "the conversation could not be read",
                    true,
                )))
            }
        };
        let nameable = match (&answered, &progress) {
            (Ok(()), Ok(progress)) if is_early => Some(Answered::of(run, &job.conversation_key, progress)),
            _ => None,
        };
        let outcome = match (answered, progress) {
            (Err(Broken::Waits), Ok(progress)) => {
                self.pause(run, &job.conversation_key, desk, &mut turn, progress)
                    .await
            }
            (answered, progress) => {
                let left = match progress {
                    Ok(mut progress) => turn.leave_asked(&mut desk, &mut progress).await,
                    Err(_) => Ok(()),
                };
                match left {
                    Ok(()) => self.end((tenant, run), desk, &mut turn, answered).await,
                    Err(_lost) => None,
                }
            }
        };
        if outcome.is_none() {
            tracing::warn!(%run, "the run was lost to another owner");
            parts.fan_out.close(tenant, run).await;
        }
        let answered = nameable.zip(outcome.as_ref());
        if let Some(answered) = answered.and_then(|(answered, outcome)| answered.with(outcome)) {
            self.entitle(caller, answered);
        }
        outcome
    }

    fn turn<'a>(&'a self, caller: &'a Principal, entry: &'a HostedAgent) -> Turn<'a> {
        let parts = &*self.parts;
        Turn::new(
            &parts.model,
            &parts.agents,
            &parts.tools,
            &self.settings.limits,
            &parts.ambient,
            caller,
            entry,
        )
    }

    /// The turns before this one that were answered, oldest first, as far as `memory` reaches. Unanswered ones would be noise.
    async fn context(
        &self,
        tenant: TenantId,
        conversation: ConversationId,
        position: u64,
        memory: Memory,
    ) -> Result<Vec<ModelInput>, Fault> {
        if position == 0 || memory.strategy == MemoryStrategy::None {
            return Ok(Vec::new());
        }
        let before = chancery_conversations::MessagePlace { position };
        let store = &self.parts.threads;
        let page = store
            .list_messages(
                tenant,
                conversation,
                MessageOrder::Desc,
                Some(before),
                Limit::LARGEST,
            )
            .await?;
        let completed = page
            .items
            .into_iter()
            .filter(|message| message.status == MessageStatus::Completed)
            .take(memory.messages);
        let mut left = memory.bytes;
        let completed = completed.map_while(|message| {
            left = left.checked_sub(message.content.len())?;
            Some(message)
        });
        let mut input: Vec<_> = completed
            .map(|message| match message.role {
                Role::User => ModelInput::User(message.content),
                Role::Assistant => ModelInput::Assistant(message.content),
            })
            .collect();
        input.reverse();
        Ok(input)
    }

    /// Writes the end, whatever it is.
    async fn end(
        &self,
        (tenant, run): (TenantId, RunId),
        desk: Desk,
        turn: &mut Turn<'_>,
        answered: Result<(), Broken>,
    ) -> Option<Outcome> {
        let ambient = &self.parts.ambient;
        let (log, text, refusal, mut last) = desk.clear();
        let usage = log.meter.total();
        let guarded = matches!(answered, Err(Broken::Guarded));
        let (status, failure) = verdict(answered)?;
        let refusal = Some(refusal).filter(|refusal| !refusal.is_empty());
        let (lifecycle, kind) = match status {
            RunStatus::Completed => (LifecycleStatus::Completed, EventKind::RunCompleted),
            RunStatus::Cancelled => (LifecycleStatus::Cancelled, EventKind::RunCancelled),
            RunStatus::Failed | RunStatus::Running | RunStatus::AwaitingApproval => {
                (LifecycleStatus::Failed, EventKind::RunFailed)
            }
        };
        let reason = failure.as_ref().map(|failure| failure.code.clone());
        last.push(What::Lifecycle {
            status: lifecycle,
            reason: reason.clone(),
        });
        last.push(match &failure {
            Some(failure) => error_event(failure),
            None => What::Final {
                status: final_status(status, guarded || refusal.is_some() && text.is_empty()),
                response_text: text.clone(),
                refusal_text: refusal.clone(),
                usage,
            },
        });
        let kept = if text.is_empty() {
            refusal.clone()
        } else {
            Some(text.clone())
        };
        let finish = Finish {
            events: Vec::new(),
            status,
            answer: kept.map(|text| Answer {
                id: ambient.new_id(),
                text,
            }),
            active_agent: turn.agent.name.clone(),
            usage,
            at: ambient.now(),
        };
        let ended = Event::new(ambient, tenant, kind, run.to_string()).with("agent", turn.agent.name.clone());
        let mut announced = turn.take_refused();
        announced.push(log.meter.told_in(ended.with("reason", reason)));
        log.finish(last, finish, &announced).await.ok()?;
        Some(Outcome {
            status,
            text,
            refusal,
            agent: turn.agent.name.clone(),
            handoff_occurred: turn.handoffs > 0,
            usage,
            failure,
            approval: None,
            tripped: std::mem::take(&mut turn.toolbox.tripped),
        })
    }
}

/// A run for this process to work on.
pub(crate) struct Job {
    pub(crate) tenant: TenantId,
    pub(crate) run: RunId,
    pub(crate) conversation_key: ConversationKey,
    /// The agent that begins.
    pub(crate) agent: String,
    pub(crate) log: LogWriter,
    pub(crate) start: Start,
}

/// Where work begins.
pub(crate) enum Start {
    /// With what the person said, which stands at this position of the conversation.
    Message {
        conversation: ConversationId,
        position: u64,
        text: String,
        /// In place of the agent's own.
        strategy: Option<MemoryStrategy>,
    },
    /// Where the run waited.
    Checkpoint(Box<Checkpoint>),
}

impl Start {
    /// Whether the conversation may still get a title. A checkpoint does not know; the conversation itself is asked in the end.
    const fn is_early(&self) -> bool {
        match self {
            Self::Message { position, .. } => titling::is_early(*position),
            Self::Checkpoint(_) => true,
        }
    }
}

/// Takes a run off the list when its task ends, also by a panic.
struct Leave {
    live: Arc<LiveRuns>,
    run: RunId,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.live.leave(self.run);
    }
}

/// Where a run ends and why; `None` when it is not ours to end.
fn verdict(answered: Result<(), Broken>) -> Option<(RunStatus, Option<RunFailure>)> {
    let failed = |failure| Some((RunStatus::Failed, Some(failure)));
    match answered {
        Ok(()) | Err(Broken::Guarded) => Some((RunStatus::Completed, None)),
        Err(Broken::Failed(failure)) => failed(failure),
        Err(Broken::Stopped(Stop::Cancelled)) => Some((RunStatus::Cancelled, None)),
        Err(Broken::Stopped(Stop::TimedOut)) => failed(RunFailure::by_server(
            "run_timeout",
            "the run took too long",
            true,
        )),
        Err(Broken::Stopped(Stop::Shutdown)) => {
            failed(RunFailure::by_server("shutdown", "the server went down", true))
        }
        Err(Broken::Stopped(Stop::Suspended)) => failed(RunFailure::by_server(
            "tenant_suspended",
            "the tenant was suspended",
            false,
        )),
        Err(Broken::Waits | Broken::Stopped(Stop::Lost)) => None,
    }
}

const fn final_status(status: RunStatus, refused: bool) -> FinalStatus {
    match status {
        RunStatus::Cancelled => FinalStatus::Cancelled,
        RunStatus::Completed | RunStatus::Failed | RunStatus::Running | RunStatus::AwaitingApproval => {
            if refused {
                FinalStatus::Refused
            } else {
                FinalStatus::Completed
            }
        }
    }
}

pub(crate) fn error_event(failure: &RunFailure) -> What {
    What::Error {
        code: failure.code.clone(),
        message: failure.message.clone(),
        source: failure.source,
        is_retryable: failure.is_retryable,
    }
}
