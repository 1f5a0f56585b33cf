//! Turns of hosted agents: begin, stop, drain. Reading and recovery have files of their own.

use std::{sync::Arc, time::Duration};

use chancery_access::{Principal, Scope};
use chancery_ambient::{Ambient, Fault, Tasks, cause_of, within};
use chancery_conversations::{ConversationStore, TitleStore};
use chancery_events::OutboxStore;
use chancery_guards::{GuardKey, Quota, Seats, Take};
use chancery_ids::{ApprovalId, ConversationKey, RunId, TenantId, UserId};
use chancery_tools::ToolCatalogue;
use tokio::sync::watch;

use crate::{
    AgentCatalogue, ApprovalStore, Begun, ChatRefused, FlushPolicy, IdempotencyKey, LARGEST_MESSAGE, LEASE,
    LifecycleStatus, MemoryStrategy, Model, NewRun, RunEvent, RunFailure, RunFanOut, RunLimits, RunStatus,
    RunStore, RunSystemStore, Tripped, TurnClaim, TurnRates, Usage, What, desk::Order, live::LiveRuns,
    log_writer::LogWriter, seating::HeldSeats,
};

/// What runs work with.
pub struct RunParts {
    /// Keeps runs and messages.
    pub runs: Arc<dyn RunStore>,
    /// Finds runs whose owner is gone.
    pub abandoned: Arc<dyn RunSystemStore>,
    /// Carries events to readers.
    pub fan_out: Arc<dyn RunFanOut>,
    /// Keeps what runs wait for.
    pub approvals: Arc<dyn ApprovalStore>,
    /// Reads conversations.
    pub threads: Arc<dyn ConversationStore>,
    /// Names conversations that nobody has named.
    pub titles: Arc<dyn TitleStore>,
    /// Takes what is announced beside a run's own changes.
    pub outbox: Arc<dyn OutboxStore>,
    /// Generates text.
    pub model: Arc<dyn Model>,
    /// The hosted agents.
    pub agents: Arc<AgentCatalogue>,
    /// What they may call.
    pub tools: Arc<ToolCatalogue>,
    /// Runs outlive the call that began them.
    pub tasks: Arc<dyn Tasks>,
    /// Counts turns, for all replicas.
    pub quota: Arc<dyn Quota>,
    /// Counts streams, for all replicas.
    pub seats: Arc<dyn Seats>,
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
    /// How often turns may begin.
    pub rates: TurnRates,
    /// Whether a model is asked what new conversations are called.
    pub titles: bool,
}

/// Begins, stops, reads and recovers runs. Cheap to clone.
#[derive(Clone)]
pub struct RunService {
    pub(crate) parts: Arc<RunParts>,
    pub(crate) settings: RunSettings,
    pub(crate) live: Arc<LiveRuns>,
    pub(crate) seats: Arc<HeldSeats>,
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
    /// What of the conversation the agent is shown, in place of its own strategy.
    pub memory: Option<MemoryStrategy>,
    /// Whether its events are streamed to the person; such turns have a limit of their own.
    pub streamed: bool,
    /// The client's name for this turn: whoever sends the same again gets the same run.
    pub idempotency_key: Option<IdempotencyKey>,
}

/// A run that works now, or that an earlier request of the same turn has begun.
pub struct StartedRun {
    /// Its id, for reading and stopping it.
    pub run: RunId,
    /// The conversation's name.
    pub conversation_key: ConversationKey,
    pub(crate) outcome: watch::Receiver<Option<Outcome>>,
}

/// How a run ended, or that it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Where it is.
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
    /// What it waits for, when it has not ended.
    pub approval: Option<ApprovalId>,
    /// The guardrails that found something, in order, since the run began or went on.
    pub tripped: Vec<Tripped>,
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
            seats: Arc::default(),
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
        let (streamed, memory) = (chat.streamed, chat.memory);
        self.take_turn(caller.tenant, owner, streamed).await?;
        let new = self.new_run(caller, owner, chat, &agent);
        // Whoever meets a run that was abandoned ends it; then the turn is tried again.
        for _ in 0..3 {
            match self.parts.runs.begin(&new).await? {
                Begun::Started {
                    conversation,
                    position,
                } => {
                    return Ok(self.work(caller, new, (conversation, position), memory).await);
                }
                Begun::Busy(other) if other.lease_until < self.parts.ambient.now() => {
                    self.recover_one(&other, self.parts.ambient.now()).await?;
                }
                Begun::Busy(other) => {
                    let (run, approval) = (other.id, other.approval);
                    return Err(ChatRefused::RunIsLive { run, approval });
                }
                Begun::Repeated(run) => return self.repeat(caller.tenant, owner, run, streamed).await,
                Begun::KeyReused => return Err(ChatRefused::KeyReused),
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
        match found.as_ref().map(|run| run.approval) {
            Some(Some(approval)) => {
                self.withdraw(caller.tenant, approval).await?;
            }
            Some(None) => self.live.tell(run, Order::Cancel),
            None => {}
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

    /// A limit that cannot be asked holds nobody back: what a turn uses is bounded by itself.
    async fn take_turn(&self, tenant: TenantId, owner: UserId, streamed: bool) -> Result<(), ChatRefused> {
        let rates = &self.settings.rates;
        let (limit, rate) = if streamed {
            ("chat_stream_per_minute", rates.streamed)
        } else {
            ("chat_per_minute", rates.answered)
        };
        let Some(rate) = rate else { return Ok(()) };
        let key = GuardKey::of_tenant(tenant, limit, &[&owner.to_string()]);
        match self.parts.quota.take(&[Take::one(key, rate)]).await {
            Ok(verdict) => match verdict.retry_after() {
                Some(retry_after) => Err(ChatRefused::TooOften { limit, retry_after }),
                None => Ok(()),
            },
            Err(fault) => {
                let source = cause_of(&fault);
                tracing::warn!(source, "{fault}: turns are not limited");
                Ok(())
            }
        }
    }

    fn new_run(&self, caller: &Principal, owner: UserId, chat: StartChat, agent: &str) -> NewRun {
        let claim = TurnClaim::of(caller, &chat, agent);
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
            scope: None,
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
            claim,
        }
    }
}
