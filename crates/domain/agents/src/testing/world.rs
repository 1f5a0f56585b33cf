//! A service over all of it.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chancery_access::{Principal, Proof, Scope, Scopes, Subject};
use chancery_ambient::{Ambient, ManualClock, Timestamp, TokioTasks};
use chancery_guards::Rate;
use chancery_ids::ConversationKey;
use chancery_tools::{Tool, ToolCatalogue};
use futures::StreamExt;

use super::{MemoryFanOut, MemoryQuota, MemorySeats, Probe, ScriptedModel, Storage};
use crate::{
    AgentCatalogue, FlushPolicy, RunEvent, RunEvents, RunParts, RunService, RunSettings, StartChat,
    StartedRun, TurnRates,
};

const TRIAGE: &str = r#"
name = "triage"
display_name = "Triage"
description = "First."
model = "m"
instructions = "Help."
[bundle]
tools = ["clock", "hang", "bill", "panic", "mail"]
approval = ["mail"]
agents = ["expert"]
[[handoffs]]
agent = "coder"
context = "full"
[[handoffs]]
agent = "fresh"
context = "fresh"
[[handoffs]]
agent = "last"
context = "last_turn"
"#;

/// Who is asked, and hands off to nobody.
const EXPERT: &str = r#"
name = "expert"
display_name = "Expert"
description = "Knows."
model = "m3"
instructions = "I am expert."
[memory]
strategy = "trim"
messages = 3
bytes = 8
[bundle]
tools = ["clock", "mail", "panic"]
approval = ["mail"]
[[handoffs]]
agent = "triage"
context = "full"
[guardrails]
input = ["blocked_words"]
output = ["blocked_words"]
[guardrails.blocked_words]
words = ["abracadabra"]
"#;

fn specialist(name: &str) -> String {
    format!(
        "name = \"{name}\"\ndisplay_name = \"{name}\"\ndescription = \"x\"\nmodel = \"m2\"\ninstructions = \"I am {name}.\"\n\
         [bundle]\ntools = [\"clock\"]\n[[handoffs]]\nagent = \"triage\"\ncontext = \"full\"\n"
    )
}

pub(crate) struct World {
    pub(crate) service: RunService,
    pub(crate) storage: Arc<Storage>,
    pub(crate) fan_out: Arc<MemoryFanOut>,
    pub(crate) model: Arc<ScriptedModel>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) seats: Arc<MemorySeats>,
    pub(crate) caller: Principal,
    /// In the bundle of every agent.
    pub(crate) tool: Arc<Probe>,
    /// In no bundle.
    pub(crate) hammer: Arc<Probe>,
    /// In the bundle of triage; never answers.
    pub(crate) hang: Arc<Probe>,
    /// In the bundle of triage; asks for `billing:manage`.
    pub(crate) bill: Arc<Probe>,
    /// In the bundle of triage; its caller is asked first.
    pub(crate) mail: Arc<Probe>,
}

/// A member of a tenant.
pub(crate) fn person() -> Principal {
    let ambient = Ambient::system();
    Principal {
        tenant: ambient.new_id(),
        subject: Subject::Person(ambient.new_id()),
        role: None,
        scopes: [Scope::CONVERSATIONS_READ, Scope::CONVERSATIONS_WRITE]
            .into_iter()
            .collect::<Scopes>(),
        session: None,
        token: ambient.new_id(),
        actors: Vec::new(),
        proof: Proof::Full,
    }
}

impl World {
    pub(crate) fn new(flush: FlushPolicy) -> Self {
        Self::over(Arc::default(), flush)
    }

    /// Whose triage has these guardrails, and whose other agents have those: tables of their files.
    pub(crate) fn guarded(flush: FlushPolicy, triage: &str, others: &str) -> Self {
        Self::of(Arc::default(), flush, triage, others)
    }

    /// Whose conversations get titles by the model.
    pub(crate) fn with_titles(mut self) -> Self {
        self.service.settings.titles = true;
        self
    }

    /// One more process over the same storage.
    pub(crate) fn over(storage: Arc<Storage>, flush: FlushPolicy) -> Self {
        Self::of(storage, flush, "", "")
    }

    fn of(storage: Arc<Storage>, flush: FlushPolicy, triage: &str, others: &str) -> Self {
        let clock = Arc::new(ManualClock::at(
            Timestamp::from_unix_seconds(1_800_000_000).unwrap(),
        ));
        let (fan_out, model) = (
            Arc::new(MemoryFanOut::default()),
            Arc::new(ScriptedModel::default()),
        );
        let tool = Probe::answering("clock", "noon");
        let (hammer, hang) = (Probe::answering("hammer", "bang"), Probe::hanging("hang"));
        let bill = Probe::for_scope("bill", Scope::BILLING_MANAGE);
        let panic = Probe::panicking("panic");
        let mail = Probe::answering("mail", "sent");
        let all: [Arc<dyn Tool>; 6] = [
            tool.clone(),
            hammer.clone(),
            hang.clone(),
            bill.clone(),
            panic,
            mail.clone(),
        ];
        let tools = Arc::new(ToolCatalogue::new(all).unwrap());
        let [coder, fresh, last] =
            ["coder", "fresh", "last"].map(|name| format!("{}{others}", specialist(name)));
        let entry = format!("{TRIAGE}{triage}");
        let files = [
            ("t.toml", entry.as_str()),
            ("c.toml", &coder),
            ("f.toml", &fresh),
            ("l.toml", &last),
            ("e.toml", EXPERT),
        ];
        let seats = Arc::new(MemorySeats::default());
        let parts = RunParts {
            runs: storage.clone(),
            abandoned: storage.clone(),
            approvals: storage.clone(),
            fan_out: fan_out.clone(),
            threads: storage.clone(),
            titles: storage.clone(),
            outbox: storage.clone(),
            model: model.clone(),
            agents: Arc::new(AgentCatalogue::load(&files, &tools).unwrap()),
            tools,
            tasks: TokioTasks::current(),
            quota: Arc::new(MemoryQuota::of(clock.clone())),
            seats: seats.clone(),
            ambient: Ambient {
                clock: clock.clone(),
                ..Ambient::system()
            },
        };
        let settings = RunSettings {
            flush,
            limits: crate::RunLimits::default(),
            rates: TurnRates {
                answered: Some(Rate::new(60, Duration::from_mins(1))),
                streamed: Some(Rate::new(30, Duration::from_mins(1))),
                streams_at_once: 5,
            },
            titles: false,
        };
        let service = RunService::new(parts, settings);
        Self {
            service,
            storage,
            fan_out,
            model,
            clock,
            seats,
            caller: person(),
            tool,
            hammer,
            hang,
            bill,
            mail,
        }
    }

    #[expect(clippy::unused_self, reason = "reads like the call it prepares")]
    pub(crate) fn chat(&self, said: &str) -> StartChat {
        let conversation_key = Some(ConversationKey::parse("c").unwrap());
        StartChat {
            conversation_key,
            text: said.to_owned(),
            agent: None,
            memory: None,
            streamed: false,
            idempotency_key: None,
        }
    }

    pub(crate) async fn start(&self, said: &str) -> StartedRun {
        self.service.start(&self.caller, self.chat(said)).await.unwrap()
    }

    /// Begins a turn and waits for its end; gives its whole log.
    pub(crate) async fn log_of(&self, said: &str) -> Vec<RunEvent> {
        let started = self.start(said).await;
        let run = started.run;
        started.outcome().await.unwrap();
        self.storage.log(run)
    }

    pub(crate) async fn follow(&self, run: chancery_ids::RunId, after: u64) -> RunEvents {
        self.service
            .follow(&self.caller, run, after)
            .await
            .unwrap()
            .unwrap()
            .1
    }

    /// Lets the tasks run until they wait.
    pub(crate) async fn settle(&self) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    /// Moves the clock in small steps, the tasks running between them.
    pub(crate) async fn pass(&self, time: Duration) {
        let step = Duration::from_millis(500);
        let mut left = time;
        while !left.is_zero() {
            let now = step.min(left);
            self.settle().await;
            self.clock.advance(now);
            left -= now;
        }
        self.settle().await;
    }

    pub(crate) fn commits(&self) -> usize {
        self.storage.commits.load(Ordering::SeqCst)
    }
}

/// All of a stream.
pub(crate) async fn all(events: RunEvents) -> Vec<RunEvent> {
    events.map(|event| event.unwrap()).collect().await
}
