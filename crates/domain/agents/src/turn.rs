//! A run at work: the model, its calls, its hand-offs.

use std::sync::Arc;

use chancery_access::Principal;
use chancery_ambient::{Ambient, cause_of};
use chancery_events::Event;
use chancery_tools::ToolCatalogue;
use futures::StreamExt;

use crate::{
    AgentCatalogue, ErrorSource, HandOff, HandOffContext, HostedAgent, Model, ModelError, ModelEvent,
    ModelInput, ModelRequest, ModelTool, RunLimits, ToolCall, ToolCallStatus, Usage, What,
    desk::{Desk, Stop},
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
    Stopped(Stop),
    Failed(RunFailure),
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

/// What a turn needs besides its desk.
pub(crate) struct Turn<'a> {
    pub(crate) model: &'a Arc<dyn Model>,
    pub(crate) agents: &'a AgentCatalogue,
    pub(crate) limits: &'a RunLimits,
    pub(crate) toolbox: Toolbox<'a>,
    pub(crate) agent: &'a HostedAgent,
    pub(crate) usage: Usage,
    pub(crate) handoffs: u32,
    tool_calls: u32,
}

/// One answer of the model: what it said, and what it wants called.
#[derive(Default)]
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
        };
        Self {
            model,
            agents,
            limits,
            toolbox,
            agent,
            usage: Usage::default(),
            handoffs: 0,
            tool_calls: 0,
        }
    }

    /// Refusals to announce.
    pub(crate) fn take_refused(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.toolbox.refused)
    }

    /// Works until an agent has answered without calling anything. `before` is the conversation, `text` the person's new
    /// message.
    pub(crate) async fn answer(
        &mut self,
        desk: &mut Desk,
        before: &[ModelInput],
        text: &str,
    ) -> Result<(), Broken> {
        let mut input = [before, &[ModelInput::User(text.to_owned())]].concat();
        for _ in 0..self.limits.model_turns {
            let said = self.ask(desk, &input).await?;
            if said.calls.is_empty() {
                return Ok(());
            }
            if !said.text.is_empty() {
                input.push(ModelInput::Assistant(said.text));
            }
            let mut next = None;
            for call in said.calls {
                let output = self.one_call(desk, &call, &mut next).await?;
                let call_id = call.id.clone();
                input.extend([
                    ModelInput::ToolCall(call),
                    ModelInput::ToolResult { call_id, output },
                ]);
            }
            if let Some(handoff) = next {
                self.hand_off(desk, handoff).await?;
                match handoff.context {
                    HandOffContext::Full => {}
                    HandOffContext::Fresh => input = vec![ModelInput::User(text.to_owned())],
                    HandOffContext::LastTurn => {
                        let last = last_turn(before);
                        input = [last, &[ModelInput::User(text.to_owned())]].concat();
                    }
                }
            }
        }
        Err(self.over("too_many_model_turns", "the model was asked too often"))
    }

    /// One turn of the model, streamed to readers.
    async fn ask(&mut self, desk: &mut Desk, input: &[ModelInput]) -> Result<ModelTurn, Broken> {
        let request = ModelRequest {
            model: self.agent.model.clone(),
            instructions: self.agent.instructions.clone(),
            input: input.to_vec(),
            tools: self.offered(),
        };
        let mut stream = desk.wait(self.model.begin(request)).await??;
        let mut said = ModelTurn::default();
        while let Some(event) = desk.wait(stream.next()).await? {
            match event? {
                ModelEvent::TextDelta(delta) => {
                    if desk.text().len() + delta.len() > self.limits.answer_bytes {
                        return Err(self.over("answer_too_long", "the answer grew too long"));
                    }
                    said.text.push_str(&delta);
                    desk.say(delta).await?;
                }
                ModelEvent::RefusalDelta(delta) => {
                    if desk.refusal().len() + delta.len() > self.limits.answer_bytes {
                        return Err(self.over("answer_too_long", "the answer grew too long"));
                    }
                    desk.refuse(delta).await?;
                }
                ModelEvent::ToolCall(call) => said.calls.push(call),
                ModelEvent::Finished(usage) => {
                    self.usage.add(&usage);
                    desk.end_message().await?;
                    return Ok(said);
                }
            }
        }
        Err(ModelError::Broken("the stream ended without its end mark".into()).into())
    }

    fn offered(&self) -> Vec<ModelTool> {
        let mut offered = self.toolbox.offered_to(self.agent);
        for handoff in &self.agent.handoffs {
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

    /// Does one call. The first hand-off among the calls of a turn wins.
    async fn one_call(
        &mut self,
        desk: &mut Desk,
        call: &ToolCall,
        next: &mut Option<&'a HandOff>,
    ) -> Result<String, Broken> {
        let place = desk.begin_call().await?;
        let written = What::ToolArguments {
            item: place.clone(),
            call_id: call.id.clone(),
            name: call.name.clone(),
            arguments: call.arguments.clone(),
        };
        desk.log.emit(written).await.map_err(Stop::from)?;
        let handoff = self.agent.handoff_by_tool(&call.name);
        let output = if let Some(handoff) = handoff {
            let (output, status) = if next.is_none() {
                *next = Some(handoff);
                (format!("{} goes on", handoff.agent), ToolCallStatus::Completed)
            } else {
                ("another agent goes on already".to_owned(), ToolCallStatus::Failed)
            };
            let (item, call_id, name) = (place.clone(), call.id.clone(), call.name.clone());
            desk.log
                .emit(What::ToolStatus {
                    item,
                    call_id,
                    name,
                    status,
                })
                .await
                .map_err(Stop::from)?;
            output
        } else {
            self.tool_calls += 1;
            if self.tool_calls > self.limits.tool_calls {
                return Err(self.over("too_many_tool_calls", "too many tools were called"));
            }
            self.toolbox.call(desk, self.agent, &place, call).await?
        };
        desk.end_call(place).await?;
        Ok(output)
    }

    async fn hand_off(&mut self, desk: &mut Desk, handoff: &'a HandOff) -> Result<(), Broken> {
        self.handoffs += 1;
        if self.handoffs > self.limits.handoffs {
            return Err(self.over("too_many_handoffs", "the agents handed off too often"));
        }
        let from = self.agent.name.clone();
        // The catalogue was checked when it was loaded.
        self.agent = self.agents.find(&handoff.agent).unwrap_or(self.agent);
        desk.log.set_agent(&self.agent.name);
        let updated = What::AgentUpdated {
            from,
            to: self.agent.name.clone(),
            index: self.handoffs,
        };
        desk.log.emit(updated).await.map_err(Stop::from)?;
        Ok(())
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
