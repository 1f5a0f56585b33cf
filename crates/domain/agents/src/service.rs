//! Turns of hosted agents: begin, stop, drain. Reading and recovery have files of their own.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use chancery_access::{Principal, Scope};
use chancery_ambient::{Ambient, Fault, Tasks, cause_of, within};
use chancery_conversations::{ConversationStore, MessageStatus, Order as MessageOrder, Role};
use chancery_events::{Event, EventKind};
use chancery_ids::{ConversationId, ConversationKey, Limit, RunId, UserId};
use chancery_tools::ToolCatalogue;
use futures::FutureExt;
use tokio::sync::watch;

use crate::{
    AgentCatalogue, Answer, Begun, ChatRefused, FinalStatus, Finish, FlushPolicy, HostedAgent,
    LARGEST_MESSAGE, LEASE, LifecycleStatus, Model, ModelInput, NewRun, RunEvent, RunFailure, RunFanOut,
    RunLimits, RunStatus, RunStore, RunSystemStore, Usage, What,
    desk::{Desk, Order, Stop},
    live::LiveRuns,
    log_writer::LogWriter,
    turn::{Broken, Turn},
};

/// What runs work with.
pub struct RunParts {
    /// Keeps runs and messages.
    pub runs: Arc<dyn RunStore>,
    /// Finds runs whose owner is gone.
    pub abandoned: Arc<dyn RunSystemStore>,
    /// Carries events to readers.
    pub fan_out: Arc<dyn RunFanOut>,
    /// Reads conversations.
    pub threads: Arc<dyn ConversationStore>,
    /// Generates text.
    pub model: Arc<dyn Model>,
    /// The hosted agents.
    pub agents: Arc<AgentCatalogue>,
    /// What they may call.
    pub tools: Arc<ToolCatalogue>,
    /// Runs outlive the call that began them.
    pub tasks: Arc<dyn Tasks>,
    /// Time and randomness.
    pub ambient: Ambient,
}

/// How runs work.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// When events go to the log.
    pub flush: FlushPolicy,
    /// How far a run may go.
    pub limits: RunLimits,
}

/// Begins, stops, reads and recovers runs. Cheap to clone.
#[derive(Clone)]
pub struct RunService {
    pub(crate) parts: Arc<RunParts>,
    settings: RunSettings,
    live: Arc<LiveRuns>,
}

/// A person's new turn.
#[derive(Debug, Clone)]
pub struct StartChat {
    /// The conversation; a new one when absent.
    pub conversation_key: Option<ConversationKey>,
    /// What the person says: 1 to [`LARGEST_MESSAGE`] bytes.
    pub text: String,
    /// The agent addressed; [`AgentCatalogue::DEFAULT`] when absent.
    pub agent: Option<String>,
}

/// A run that works now.
pub struct StartedRun {
    /// Its id, for reading and stopping it.
    pub run: RunId,
    /// The conversation's name.
    pub conversation_key: ConversationKey,
    outcome: watch::Receiver<Option<Outcome>>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Where it ended.
    pub status: RunStatus,
    /// The answer; what had arrived of it when the run did not complete.
    pub text: String,
    /// The refusal, when the model refused.
    pub refusal: Option<String>,
    /// The agent that answered.
    pub agent: String,
    /// Whether agents handed off.
    pub handoff_occurred: bool,
    /// What it used.
    pub usage: Usage,
    /// Why it failed.
    pub failure: Option<RunFailure>,
}

impl StartedRun {
    /// Waits for the end. `None` when the run was taken over by another replica, whose log has the end.
    pub async fn outcome(mut self) -> Option<Outcome> {
        let ended = self.outcome.wait_for(Option::is_some).await.ok()?;
        ended.clone()
    }
}

impl RunService {
    /// A service over these parts.
    #[must_use]
    pub fn new(parts: RunParts, settings: RunSettings) -> Self {
        Self {
            parts: Arc::new(parts),
            settings,
            live: Arc::default(),
        }
    }

    /// What the model calls itself, for an agent.
    #[must_use]
    pub fn model_of(&self, agent: &str) -> Option<String> {
        self.parts
            .agents
            .find(agent)
            .map(|agent| self.parts.model.name(&agent.model))
    }

    /// Stores the person's turn and lets an agent work on it. The work goes on whoever reads it.
    #[tracing::instrument(name = "agents.start", skip_all, fields(tenant = %caller.tenant))]
    pub async fn start(&self, caller: &Principal, chat: StartChat) -> Result<StartedRun, ChatRefused> {
        caller.require(Scope::CONVERSATIONS_WRITE)?;
        let owner = caller.require_person()?;
        if chat.text.is_empty() || chat.text.len() > LARGEST_MESSAGE {
            return Err(ChatRefused::MessageSize);
        }
        let wanted = chat.agent.as_deref().unwrap_or(AgentCatalogue::DEFAULT);
        let agent = self.parts.agents.find(wanted);
        let agent = agent
            .ok_or_else(|| ChatRefused::UnknownAgent(wanted.to_owned()))?
            .name
            .clone();
        if self.live.is_closed() {
            return Err(ChatRefused::ShuttingDown);
        }
        let new = self.new_run(caller, owner, chat, &agent);
        // Whoever meets a run that was abandoned ends it; then the turn is tried again.
        for _ in 0..3 {
            match self.parts.runs.begin(&new).await? {
                Begun::Started {
                    conversation,
                    position,
                } => {
                    return Ok(self.work(caller, new, conversation, position).await);
                }
                Begun::Busy(other) if other.lease_until < self.parts.ambient.now() => {
                    self.recover_one(&other, self.parts.ambient.now()).await?;
                }
                Begun::Busy(other) => return Err(ChatRefused::RunIsLive(other.id)),
            }
        }
        Err(Fault::unavailable("runs of this conversation keep being abandoned").into())
    }

    /// Asks the owner's run to stop; its status then. `None` when there is no such run.
    #[tracing::instrument(name = "agents.cancel", skip_all, fields(tenant = %caller.tenant, %run))]
    pub async fn cancel(&self, caller: &Principal, run: RunId) -> Result<Option<RunStatus>, ChatRefused> {
        caller.require(Scope::CONVERSATIONS_WRITE)?;
        let owner = caller.require_person()?;
        // The store comes first: it knows whose run it is, and tells a run on another replica.
        let found = self.parts.runs.request_cancel(caller.tenant, owner, run).await?;
        if found.is_some() {
            self.live.tell(run, Order::Cancel);
        }
        Ok(found.map(|run| run.status))
    }

    /// Lets no run begin any more, waits until those that work have ended, at most for `limit`, and ends the rest as failed,
    /// their text kept. Tells how many were cut short.
    pub async fn drain(&self, limit: Duration) -> usize {
        self.live.close();
        let clock = &*self.parts.ambient.clock;
        if within(clock, limit, self.live.empty()).await.is_ok() {
            return 0;
        }
        let cut_short = self.live.tell_all(Order::Shutdown);
        // Ending is one store call each; what is left after this is recovered by whoever meets it.
        let _ = within(clock, LEASE, self.live.empty()).await;
        cut_short
    }

    fn new_run(&self, caller: &Principal, owner: UserId, chat: StartChat, agent: &str) -> NewRun {
        let ambient = &self.parts.ambient;
        let at = ambient.now();
        let new_conversation = ambient.new_id();
        let began = What::Lifecycle {
            status: LifecycleStatus::InProgress,
            reason: None,
        };
        let events = vec![RunEvent {
            id: 1,
            at,
            agent: Some(agent.to_owned()),
            what: began,
        }];
        NewRun {
            id: ambient.new_id(),
            tenant: caller.tenant,
            owner,
            conversation_key: chat
                .conversation_key
                .unwrap_or_else(|| ConversationKey::drawn(&new_conversation)),
            new_conversation,
            user_message: ambient.new_id(),
            text: chat.text,
            entry_agent: agent.to_owned(),
            ids_until: LogWriter::first_reservation(&events),
            events,
            at,
            lease_until: at.plus(LEASE),
        }
    }

    /// Starts the task that works on a stored run.
    async fn work(
        &self,
        caller: &Principal,
        new: NewRun,
        conversation: ConversationId,
        position: u64,
    ) -> StartedRun {
        let orders = self.live.enter(new.id);
        // Before anybody can follow: who finds a run not carried here reads its log, and that is slow.
        let fan_out = &self.parts.fan_out;
        fan_out.publish(new.tenant, new.id, &new.events).await;
        let (tell, outcome) = watch::channel(None);
        let started = StartedRun {
            run: new.id,
            conversation_key: new.conversation_key.clone(),
            outcome,
        };
        let (service, caller) = (self.clone(), caller.clone());
        let leave = Leave {
            live: self.live.clone(),
            run: new.id,
        };
        let task = async move {
            let _leave = leave;
            let ended = service
                .perform(&caller, &new, conversation, position, orders)
                .await;
            tell.send_replace(ended);
        };
        self.parts.tasks.spawn(task.boxed());
        started
    }

    /// The run from its first event to its last. `None` when it was lost to another owner.
    async fn perform(
        &self,
        caller: &Principal,
        new: &NewRun,
        conversation: ConversationId,
        position: u64,
        orders: watch::Receiver<Order>,
    ) -> Option<Outcome> {
        let parts = &*self.parts;
        let entry = parts.agents.find(&new.entry_agent)?;
        let log = LogWriter::of_new_run(
            parts.runs.clone(),
            parts.fan_out.clone(),
            parts.ambient.clone(),
            self.settings.flush,
            (new.tenant, new.id),
            &entry.name,
            &new.events,
        );
        let mut desk = Desk::new(log, parts.ambient.clone(), orders, self.settings.limits.time);
        let mut turn = self.turn(caller, entry);
        let answered = match self.context(new, conversation, position).await {
            Ok(before) => {
                let answer = turn.answer(&mut desk, &before, &new.text);
                // A panic in the code of a model or a tool ends this run and nothing else.
                AssertUnwindSafe(answer)
                    .catch_unwind()
                    .await
                    .unwrap_or_else(|_panic| {
                        tracing::error!(run = %new.id, "a model or a tool panicked");
                        let message = "something went wrong in the server";
                        Err(Broken::Failed(RunFailure::by_server(
                            "internal_error",
                            message,
                            true,
                        )))
                    })
            }
            Err(fault) => {
                let source = cause_of(&fault);
                tracing::warn!(source, "{fault}; the conversation could not be read");
                Err(Broken::Failed(RunFailure::by_server(
                    "store_unavailable",
                    "the conversation could not be read",
                    true,
                )))
            }
        };
        let outcome = self.end(new, desk, &mut turn, answered).await;
        if outcome.is_none() {
            tracing::warn!(run = %new.id, "the run was lost to another owner");
            parts.fan_out.close(new.tenant, new.id).await;
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

    /// The turns before this one that were answered, oldest first. Unanswered ones would be noise.
    async fn context(
        &self,
        new: &NewRun,
        conversation: ConversationId,
        position: u64,
    ) -> Result<Vec<ModelInput>, Fault> {
        if position == 0 {
            return Ok(Vec::new());
        }
        let before = chancery_conversations::MessagePlace { position };
        let store = &self.parts.threads;
        let page = store
            .list_messages(
                new.tenant,
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
            .take(usize::from(self.settings.limits.context_messages));
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
        new: &NewRun,
        desk: Desk,
        turn: &mut Turn<'_>,
        answered: Result<(), Broken>,
    ) -> Option<Outcome> {
        let ambient = &self.parts.ambient;
        let (log, text, refusal, mut last) = desk.clear();
        let (status, failure) = verdict(answered)?;
        let refusal = Some(refusal).filter(|refusal| !refusal.is_empty());
        let (lifecycle, kind) = match status {
            RunStatus::Completed => (LifecycleStatus::Completed, EventKind::RunCompleted),
            RunStatus::Cancelled => (LifecycleStatus::Cancelled, EventKind::RunCancelled),
            RunStatus::Failed | RunStatus::Running => (LifecycleStatus::Failed, EventKind::RunFailed),
        };
        let reason = failure.as_ref().map(|failure| failure.code.clone());
        last.push(What::Lifecycle {
            status: lifecycle,
            reason: reason.clone(),
        });
        last.push(match &failure {
            Some(failure) => error_event(failure),
            None => What::Final {
                status: final_status(status, refusal.is_some() && text.is_empty()),
                response_text: text.clone(),
                refusal_text: refusal.clone(),
                usage: turn.usage,
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
            usage: turn.usage,
            at: ambient.now(),
        };
        let ended =
            Event::new(ambient, new.tenant, kind, new.id.to_string()).with("agent", turn.agent.name.clone());
        let mut announced = turn.take_refused();
        announced.push(ended.with("reason", reason));
        log.finish(last, finish, &announced).await.ok()?;
        Some(Outcome {
            status,
            text,
            refusal,
            agent: turn.agent.name.clone(),
            handoff_occurred: turn.handoffs > 0,
            usage: turn.usage,
            failure,
        })
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
        Ok(()) => Some((RunStatus::Completed, None)),
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
        Err(Broken::Stopped(Stop::Lost)) => None,
    }
}

const fn final_status(status: RunStatus, refused: bool) -> FinalStatus {
    match status {
        RunStatus::Cancelled => FinalStatus::Cancelled,
        RunStatus::Completed | RunStatus::Failed | RunStatus::Running => {
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
