//! One call of a tool. What a model says is not trusted: everything is checked before the tool's code is entered.

use std::sync::Arc;

use chancery_access::Principal;
use chancery_ambient::{Ambient, within};
use chancery_events::{Event, EventKind};
use chancery_tools::{ApprovalPolicy, Tool, ToolCatalogue, ToolError, ToolKind, ToolLimits, check_arguments};
use serde_json::{Map, Value};

use crate::{
    HostedAgent, ItemPlace, ModelTool, ToolCall, ToolCallStatus, Tripped, What,
    agent::asked_by,
    asking,
    desk::{Desk, Stop},
};

/// Calls tools for one caller.
pub(crate) struct Toolbox<'a> {
    pub(crate) tools: &'a ToolCatalogue,
    pub(crate) caller: &'a Principal,
    pub(crate) limits: ToolLimits,
    pub(crate) ambient: &'a Ambient,
    /// Refusals, to be announced when the run ends.
    pub(crate) refused: Vec<Event>,
    /// Guardrails that found something in this run, since it began or went on.
    pub(crate) tripped: Vec<Tripped>,
}

impl Toolbox<'_> {
    /// What the model may call on behalf of this agent.
    pub(crate) fn offered_to(&self, agent: &HostedAgent) -> Vec<ModelTool> {
        let specs = agent
            .bundle
            .tools
            .iter()
            .filter_map(|name| self.tools.find(name))
            .filter(|tool| tool.is_ready())
            .map(|tool| tool.spec());
        specs
            .map(|spec| ModelTool {
                name: spec.name.clone(),
                description: spec.description.clone(),
                parameters: spec.parameters.clone(),
            })
            .collect()
    }

    /// Does a call and gives the text for the model, which learns of a refusal the same way. `name` is the call's in the run.
    pub(crate) async fn call(
        &mut self,
        desk: &mut Desk,
        agent: &HostedAgent,
        place: &ItemPlace,
        (name, call): ((u32, u32), &ToolCall),
    ) -> Result<String, Stop> {
        desk.log
            .emit(self.status(place, call, ToolCallStatus::InProgress))
            .await?;
        let (output, ended) = match self.perform(desk, agent, (name, call)).await? {
            Ok(output) => (output, ToolCallStatus::Completed),
            Err(error) => (error.to_string(), ToolCallStatus::Failed),
        };
        // What is far beyond the cut is not looked at.
        let output = cut(output, self.limits.output_bytes + crate::guardrail::WINDOW);
        self.give(desk, agent, place, call, (output, ended)).await
    }

    /// Shows what a call came to, as the agent's guardrails and the limit leave it, and gives that for the model.
    pub(crate) async fn give(
        &mut self,
        desk: &mut Desk,
        agent: &HostedAgent,
        place: &ItemPlace,
        call: &ToolCall,
        (output, ended): (String, ToolCallStatus),
    ) -> Result<String, Stop> {
        let (output, ended) = self.look_at_output(desk, agent, output, ended).await?;
        // Cut after they looked: half of a secret is none that could be found.
        let output = cut(output, self.limits.output_bytes);
        self.tell(desk, place, call, output.clone(), ended).await?;
        Ok(output)
    }

    /// Shows what a call came to.
    pub(crate) async fn tell(
        &self,
        desk: &mut Desk,
        place: &ItemPlace,
        call: &ToolCall,
        output: String,
        ended: ToolCallStatus,
    ) -> Result<(), Stop> {
        let told = What::ToolOutput {
            item: place.clone(),
            call_id: call.id.clone(),
            tool: self.kind_of(&call.name),
            output,
        };
        desk.log.emit(told).await?;
        Ok(desk.log.emit(self.status(place, call, ended)).await?)
    }

    /// Where the code of a tool is, whoever may call it.
    pub(crate) fn kind_of(&self, tool: &str) -> ToolKind {
        self.tools
            .find(tool)
            .map(|tool| tool.spec().kind.clone())
            .or_else(|| asked_by(tool).map(asking::kind))
            .unwrap_or_default()
    }

    /// That a call moved on.
    pub(crate) fn status(&self, place: &ItemPlace, call: &ToolCall, status: ToolCallStatus) -> What {
        What::ToolStatus {
            item: place.clone(),
            call_id: call.id.clone(),
            name: call.name.clone(),
            tool: self.kind_of(&call.name),
            status,
        }
    }

    /// Whether a person has to agree before this call is made. One that would be refused anyway is not worth asking about.
    pub(crate) fn asks_first(&self, agent: &HostedAgent, call: &ToolCall) -> bool {
        let asks_always = |tool: &Arc<dyn Tool>| tool.spec().approval == ApprovalPolicy::Always;
        let asked = agent.asks_before(&call.name) || self.tools.find(&call.name).is_some_and(asks_always);
        asked && self.check(agent, call).is_ok()
    }

    async fn perform(
        &mut self,
        desk: &mut Desk,
        agent: &HostedAgent,
        (name, call): ((u32, u32), &ToolCall),
    ) -> Result<Result<String, ToolError>, Stop> {
        let (tool, arguments) = match self.check(agent, call) {
            Ok(checked) => checked,
            Err(Misfit::Refused(why)) => return Ok(Err(self.refuse(agent, call, why))),
            Err(Misfit::Arguments(error)) => {
                self.refuse(agent, call, "arguments that do not fit");
                // The model learns what does not fit, and may do better.
                return Ok(Err(error));
            }
        };
        desk.log.meter.tool_entered(name, self.ambient.now());
        let working = within(
            &*self.ambient.clock,
            self.limits.time,
            tool.call(self.caller, &arguments),
        );
        Ok(match desk.wait(working).await? {
            Ok(done) => done.map(|output| output.0),
            Err(late) => Err(ToolError::Failed(format!(
                "the tool did not answer in time: {late}"
            ))),
        })
    }

    fn check(&self, agent: &HostedAgent, call: &ToolCall) -> Result<Checked, Misfit> {
        let tool = self.tools.find(&call.name).filter(|_| agent.has_tool(&call.name));
        let tool = tool.ok_or(Misfit::Refused("outside the agent's bundle"))?;
        let mut wanted = tool.spec().scope.iter().chain(&agent.bundle.scope).cloned();
        if wanted.any(|scope| !self.caller.scopes.allows(scope)) {
            return Err(Misfit::Refused("above the caller's scopes"));
        }
        let arguments = check_arguments(&tool.spec().parameters, &call.arguments);
        Ok((tool.clone(), arguments.map_err(Misfit::Arguments)?))
    }

    pub(crate) fn refuse(&mut self, agent: &HostedAgent, call: &ToolCall, why: &'static str) -> ToolError {
        // The name comes from the model: cut, so that no model writes novels into the log.
        let name: String = call.name.chars().take(64).collect();
        tracing::warn!(agent = agent.name, tool = name, why, "tool call refused");
        let event = Event::new(
            self.ambient,
            self.caller.tenant,
            EventKind::ToolRefused,
            name.clone(),
        );
        self.refused
            .push(event.with("agent", agent.name.clone()).with("why", why));
        ToolError::Failed(format!("the tool {name} is not available here"))
    }
}

/// A tool, and arguments that fit it.
type Checked = (Arc<dyn Tool>, Map<String, Value>);

/// Why a call is not made.
enum Misfit {
    Refused(&'static str),
    Arguments(ToolError),
}

/// Cuts at a character's border and says so.
fn cut(mut output: String, limit: usize) -> String {
    const SAYING_SO: &str = "\n[cut: the output was longer]";
    if output.len() > limit {
        let mut end = limit.saturating_sub(SAYING_SO.len());
        while !output.is_char_boundary(end) {
            end -= 1;
        }
        output.truncate(end);
        output.push_str(SAYING_SO);
    }
    output
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn long_output_is_cut_at_a_character_and_says_so() {
        assert_eq!(cut("short".to_owned(), 100), "short");
        let cut = cut("é".repeat(100), 61);
        assert!(
            cut.len() <= 61 && cut.starts_with('é') && cut.ends_with("longer]"),
            "{cut}"
        );
    }
}
