//! A run at work: the model, its calls, its hand-offs.

use std::sync::Arc;

use chancery_access::Principal;
use chancery_ambient::{Ambient, cause_of};
use chancery_events::Event;
use chancery_ids::ApprovalId;
use chancery_tools::ToolCatalogue;
use futures::{StreamExt, stream::BoxStream};

use crate::{
    AgentCatalogue, Decision, ErrorSource, HandOff, HandOffContext, HostedAgent, ItemPlace, Model,
    ModelError, ModelEvent, ModelInput, ModelRequest, ModelTool, RunLimits, Stage, ToolCall, ToolCallStatus,
    Tripped, What,
    checkpoint::Progress,
    desk::{Desk, Stop},
    guarding::{Mouth, Said},
    tool_call::Toolbox,
};

/// Why a run failed, for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFailure {
    /// Stable.
    pub code: String,
    /// For people; names no internal.
    pub message: String,
    /// Who failed.
    pub source: ErrorSource,
    /// Whether the same turn may succeed later.
    pub is_retryable: bool,
}

impl RunFailure {
    pub(crate) fn by_server(code: &str, message: impl Into<String>, is_retryable: bool) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            source: ErrorSource::Server,
            is_retryable,
        }
    }
}

impl From<ModelError> for RunFailure {
    fn from(error: ModelError) -> Self {
        let source = cause_of(&error);
        tracing::warn!(code = error.code(), source, "{error}");
        Self {
            code: error.code().to_owned(),
            message: error.to_string(),
            source: ErrorSource::Provider,
            is_retryable: error.is_retryable(),
        }
    }
}

/// Why a turn ended without an answer.
pub(crate) enum Broken {
    /// It goes on once a person has agreed to the first of the calls that are left.
    Waits,
    Stopped(Stop),
    Failed(RunFailure),
    /// A guardrail ended it; the refusal is said.
    Guarded,
}

impl From<Stop> for Broken {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

impl From<ModelError> for Broken {
    fn from(error: ModelError) -> Self {
        Self::Failed(error.into())
    }
}

/// What an agent learns of one that it asked and whose guardrails tripped. The run goes on: nobody was told anything.
const HELD_BACK: &str = "a guardrail of the agent that was asked held this back";

/// What a turn needs besides its desk.
pub(crate) struct Turn<'a> {
    pub(crate) model: &'a Arc<dyn Model>,
    pub(crate) agents: &'a AgentCatalogue,
    pub(crate) limits: &'a RunLimits,
    pub(crate) toolbox: Toolbox<'a>,
    pub(crate) agent: &'a HostedAgent,
    pub(crate) handoffs: u32,
    pub(crate) tool_calls: u32,
}

/// One answer of the model: what it said, as readers saw it, and what it wants called.
struct ModelTurn {
    text: String,
    calls: Vec<ToolCall>,
}

impl<'a> Turn<'a> {
    pub(crate) fn new(
        model: &'a Arc<dyn Model>,
        agents: &'a AgentCatalogue,
        tools: &'a ToolCatalogue,
        limits: &'a RunLimits,
        ambient: &'a Ambient,
        caller: &'a Principal,
        agent: &'a HostedAgent,
    ) -> Self {
        let toolbox = Toolbox {
            tools,
            caller,
            limits: limits.tool,
            ambient,
            refused: Vec::new(),
            tripped: Vec::new(),
        };
        Self {
            model,
            agents,
            limits,
            toolbox,
            agent,
            handoffs: 0,
            tool_calls: 0,
        }
    }

    /// Refusals to announce.
    pub(crate) fn take_refused(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.toolbox.refused)
    }

    /// Works until an agent has answered without calling anything. `progress` is where the run stands, also when this breaks
    /// off.
    pub(crate) async fn answer(&mut self, desk: &mut Desk, progress: &mut Progress) -> Result<(), Broken> {
        self.take_place(desk, progress);
        if progress.model_turns == 0 {
            self.hear(desk, progress).await?;
        }
        'steps: loop {
            if progress.calls.is_empty() && progress.next_agent.is_none() {
                if progress.model_turns == self.limits.model_turns {
                    return Err(self.over("too_many_model_turns", "the model was asked too often"));
                }
                progress.model_turns += 1;
                progress.calls_in_turn = 0;
                let said = match self.ask(desk, progress).await {
                    Err(Broken::Guarded) if !progress.outer.is_empty() => ModelTurn {
                        text: HELD_BACK.to_owned(),
                        calls: Vec::new(),
                    },
                    said => said?,
                };
                if !said.calls.is_empty() {
                    if !said.text.is_empty() {
                        progress.input.push(ModelInput::Assistant(said.text));
                    }
                    progress.calls = said.calls.into();
                } else if progress.outer.is_empty() {
                    return Ok(());
                } else {
                    self.answer_asker(desk, said.text, progress).await?;
                }
            }
            while !progress.calls.is_empty() {
                let refused = match progress.waiting {
                    Some(_) => None,
                    None => self.look_at_call(desk, progress).await?,
                };
                let Some(call) = progress.calls.front().cloned() else {
                    break;
                };
                let Some(output) = self.one_call(desk, &call, refused, progress).await? else {
                    continue 'steps;
                };
                progress.answered(output);
            }
            let next = progress.next_agent.take();
            if let Some(handoff) = next.and_then(|name| self.agent.handoff_to(&name)) {
                self.hand_off(desk, handoff).await?;
                let said = ModelInput::User(progress.text.clone());
                match handoff.context {
                    HandOffContext::Full => {}
                    HandOffContext::Fresh => progress.input = vec![said],
                    HandOffContext::LastTurn => {
                        progress.input = [last_turn(&progress.before), &[said]].concat();
                    }
                }
                self.hear(desk, progress).await?;
            }
        }
    }

    /// One turn of the model, streamed to readers.
    async fn ask(&mut self, desk: &mut Desk, progress: &Progress) -> Result<ModelTurn, Broken> {
        let request = ModelRequest {
            model: self.agent.model.clone(),
            instructions: self.agent.instructions.clone(),
            input: progress.input.clone(),
            tools: self.offered(progress),
        };
        let mut stream = desk.wait(self.model.begin(request)).await??;
        let (step, now) = (progress.model_turns, self.toolbox.ambient.now());
        desk.log.meter.model_began(step, now);
        let mut mouth = Mouth::of(&self.agent.guardrails);
        let heard = self.listen(desk, step, &mut stream, &mut mouth).await;
        match &heard {
            // Nothing more may be shown, or written.
            Err(Broken::Guarded | Broken::Stopped(Stop::Lost)) => {}
            Ok(_) | Err(_) => self.fall_silent(desk, &mut mouth).await?,
        }
        let calls = heard?;
        desk.end_message().await?;
        let text = mouth.shown;
        Ok(ModelTurn { text, calls })
    }

    /// What the model says until its turn, the run's `step`th, is over; the calls that it wants.
    async fn listen(
        &mut self,
        desk: &mut Desk,
        step: u32,
        stream: &mut BoxStream<'static, Result<ModelEvent, ModelError>>,
        mouth: &mut Mouth<'a>,
    ) -> Result<Vec<ToolCall>, Broken> {
        let mut calls = Vec::new();
        while let Some(event) = desk.wait(stream.next()).await? {
            let (said, so_far, delta) = match event? {
                ModelEvent::TextDelta(delta) => (Said::Answer, desk.text().len(), delta),
                ModelEvent::RefusalDelta(delta) => (Said::Refusal, desk.refusal().len(), delta),
                ModelEvent::ToolCall(call) => {
                    calls.push(call);
                    continue;
                }
                ModelEvent::Finished(usage) => {
                    desk.log.meter.model_told(step, &usage);
                    return Ok(calls);
                }
            };
            let so_far = so_far.max(mouth.shown.len());
            if so_far + mouth.held() + delta.len() > self.limits.answer_bytes {
                return Err(self.over("answer_too_long", "the answer grew too long"));
            }
            self.say(desk, mouth, said, &delta).await?;
        }
        Err(ModelError::Broken("the stream ended without its end mark".into()).into())
    }

    fn offered(&self, progress: &Progress) -> Vec<ModelTool> {
        let mut offered = self.toolbox.offered_to(self.agent);
        offered.extend(self.offered_agents());
        // Who was asked answers.
        let handoffs = self.agent.handoffs.iter().filter(|_| progress.outer.is_empty());
        for handoff in handoffs {
            let description = self
                .agents
                .find(&handoff.agent)
                .map(|agent| agent.description.as_str());
            offered.push(ModelTool {
                name: HandOff::tool_name(&handoff.agent),
                description: format!("Hands the conversation to {}: {}", handoff.agent, description.unwrap_or_default()),
                parameters: serde_json::json!({"type": "object", "properties": {}, "additionalProperties": false}),
            });
        }
        offered
    }

    /// Does one call, or breaks off when a person has to be asked first. `None` when an agent that was asked works on it.
    async fn one_call(
        &mut self,
        desk: &mut Desk,
        call: &ToolCall,
        refused: Option<Tripped>,
        progress: &mut Progress,
    ) -> Result<Option<String>, Broken> {
        let place = match progress.waiting.take() {
            Some(place) => place,
            None => self.show_call(desk, call).await?,
        };
        let handoff = self.agent.handoff_by_tool(&call.name);
        let output = if let Some(handoff) = handoff.filter(|_| progress.outer.is_empty()) {
            self.choose(desk, &place, call, &handoff.agent, progress).await?
        } else if let Some(decision) = progress.decision.take() {
            let name = (progress.model_turns, progress.calls_in_turn);
            self.decided_call(desk, &place, (name, call), decision).await?
        } else {
            self.tool_calls += 1;
            progress.calls_in_turn += 1;
            if self.tool_calls > self.limits.tool_calls {
                return Err(self.over("too_many_tool_calls", "too many tools were called"));
            }
            if let Some(tripped) = refused {
                let output = self.toolbox.refuse_arguments(self.agent, call, tripped);
                let (told, ended) = (output.clone(), ToolCallStatus::Failed);
                self.toolbox.tell(desk, &place, call, told, ended).await?;
                desk.end_call(place).await?;
                return Ok(Some(output));
            }
            if self.toolbox.asks_first(self.agent, call) {
                progress.waiting = Some(place);
                return Err(Broken::Waits);
            }
            let asked = self.agent.asked_by(&call.name);
            if let Some(asked) = asked.and_then(|name| self.agents.find(name)) {
                if let Some(refused) = self.ask_agent(desk, &place, (call, asked), progress).await? {
                    refused
                } else {
                    match self.hear(desk, progress).await {
                        Err(Broken::Guarded) => {
                            self.answer_asker(desk, HELD_BACK.to_owned(), progress).await?;
                        }
                        heard => heard?,
                    }
                    return Ok(None);
                }
            } else {
                let name = (progress.model_turns, progress.calls_in_turn);
                self.toolbox.call(desk, self.agent, &place, (name, call)).await?
            }
        };
        desk.end_call(place).await?;
        Ok(Some(output))
    }

    async fn show_call(&self, desk: &mut Desk, call: &ToolCall) -> Result<ItemPlace, Stop> {
        let place = desk.begin_call().await?;
        let written = What::ToolArguments {
            item: place.clone(),
            call_id: call.id.clone(),
            name: call.name.clone(),
            tool: self.toolbox.kind_of(&call.name),
            arguments: call.arguments.clone(),
        };
        desk.log.emit(written).await?;
        Ok(place)
    }

    /// The first hand-off among the calls of a model turn wins.
    async fn choose(
        &self,
        desk: &mut Desk,
        place: &ItemPlace,
        call: &ToolCall,
        agent: &str,
        progress: &mut Progress,
    ) -> Result<String, Stop> {
        let (output, ended) = if progress.next_agent.is_none() {
            progress.next_agent = Some(agent.to_owned());
            (format!("{agent} goes on"), ToolCallStatus::Completed)
        } else {
            ("another agent goes on already".to_owned(), ToolCallStatus::Failed)
        };
        desk.log.emit(self.toolbox.status(place, call, ended)).await?;
        Ok(output)
    }

    /// A call that a person was asked about.
    async fn decided_call(
        &mut self,
        desk: &mut Desk,
        place: &ItemPlace,
        (name, call): ((u32, u32), &ToolCall),
        (approval, decision): (ApprovalId, Decision),
    ) -> Result<String, Stop> {
        let told = What::ToolApproval {
            item: place.clone(),
            call_id: call.id.clone(),
            name: call.name.clone(),
            tool: self.toolbox.kind_of(&call.name),
            approval,
            approved: Some(decision.approved),
            reason: decision.reason.clone().map(String::into_boxed_str),
        };
        desk.log.emit(told).await?;
        if decision.approved {
            return self.toolbox.call(desk, self.agent, place, (name, call)).await;
        }
        let output = match decision.reason {
            Some(reason) => {
                let heard = self
                    .agent
                    .guardrails
                    .rules(Stage::Input)
                    .clean(Stage::Input, &reason);
                let heard = heard
                    .blocked()
                    .map_or(heard.text, |tripped| tripped.check.marker());
                format!("the person refused this call: {heard}")
            }
            None => "the person refused this call".to_owned(),
        };
        let ended = ToolCallStatus::Failed;
        self.toolbox
            .tell(desk, place, call, output.clone(), ended)
            .await?;
        Ok(output)
    }

    async fn hand_off(&mut self, desk: &mut Desk, handoff: &'a HandOff) -> Result<(), Broken> {
        self.handoffs += 1;
        if self.handoffs > self.limits.handoffs {
            return Err(self.over("too_many_handoffs", "the agents handed off too often"));
        }
        let from = self.agent.name.clone();
        self.put_to_work(&handoff.agent);
        desk.log.set_agent(&self.agent.name, None);
        let updated = What::AgentUpdated {
            from,
            to: self.agent.name.clone(),
            index: self.handoffs,
        };
        desk.log.emit(updated).await.map_err(Stop::from)?;
        Ok(())
    }

    /// The agent of this name goes on. The catalogue was checked when it was loaded; a checkpoint may be older than it, and then
    /// the agent at work stays.
    pub(crate) fn put_to_work(&mut self, agent: &str) {
        self.agent = self.agents.find(agent).unwrap_or(self.agent);
    }

    fn over(&self, code: &str, message: &str) -> Broken {
        tracing::warn!(agent = self.agent.name, code, "a run met its limit");
        Broken::Failed(RunFailure::by_server(code, message, false))
    }
}

/// The last message of the person and what followed it.
fn last_turn(before: &[ModelInput]) -> &[ModelInput] {
    let start = before
        .iter()
        .rposition(|item| matches!(item, ModelInput::User(_)))
        .unwrap_or(before.len());
    before.get(start..).unwrap_or_default()
}
