//! One call of a tool. What a model says is not trusted: everything is checked before the tool's code is entered.

use chancery_access::Principal;
use chancery_ambient::{Ambient, within};
use chancery_events::{Event, EventKind};
use chancery_tools::{ToolCatalogue, ToolError, ToolLimits, check_arguments};

use crate::{
    HostedAgent, ItemPlace, ModelTool, ToolCall, ToolCallStatus, What,
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
}

impl Toolbox<'_> {
    /// What the model may call on behalf of this agent.
    pub(crate) fn offered_to(&self, agent: &HostedAgent) -> Vec<ModelTool> {
        let specs = agent
            .bundle
            .tools
            .iter()
            .filter_map(|name| self.tools.find(name))
            .map(|tool| tool.spec());
        specs
            .map(|spec| ModelTool {
                name: spec.name.clone(),
                description: spec.description.clone(),
                parameters: spec.parameters.clone(),
            })
            .collect()
    }

    /// Does a call and gives the text for the model, which learns of a refusal the same way.
    pub(crate) async fn call(
        &mut self,
        desk: &mut Desk,
        agent: &HostedAgent,
        place: &ItemPlace,
        call: &ToolCall,
    ) -> Result<String, Stop> {
        desk.log
            .emit(status(place, call, ToolCallStatus::InProgress))
            .await?;
        let (output, ended) = match self.perform(desk, agent, call).await? {
            Ok(output) => (cut(output, self.limits.output_bytes), ToolCallStatus::Completed),
            Err(error) => (error.to_string(), ToolCallStatus::Failed),
        };
        let told = What::ToolOutput {
            item: place.clone(),
            call_id: call.id.clone(),
            output: output.clone(),
        };
        desk.log.emit(told).await?;
        desk.log.emit(status(place, call, ended)).await?;
        Ok(output)
    }

    async fn perform(
        &mut self,
        desk: &mut Desk,
        agent: &HostedAgent,
        call: &ToolCall,
    ) -> Result<Result<String, ToolError>, Stop> {
        let tool = match self.tools.find(&call.name) {
            Some(tool) if agent.has_tool(&call.name) => tool.clone(),
            Some(_) | None => return Ok(Err(self.refuse(agent, call, "outside the agent's bundle"))),
        };
        let wanted = tool.spec().scope.iter().chain(&agent.bundle.scope);
        if wanted.cloned().any(|scope| !self.caller.scopes.allows(scope)) {
            return Ok(Err(self.refuse(agent, call, "above the caller's scopes")));
        }
        let arguments = match check_arguments(&tool.spec().parameters, &call.arguments) {
            Ok(arguments) => arguments,
            Err(error) => {
                self.refuse(agent, call, "arguments that do not fit");
                // The model learns what does not fit, and may do better.
                return Ok(Err(error));
            }
        };
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

    fn refuse(&mut self, agent: &HostedAgent, call: &ToolCall, why: &'static str) -> ToolError {
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

fn status(place: &ItemPlace, call: &ToolCall, status: ToolCallStatus) -> What {
    What::ToolStatus {
        item: place.clone(),
        call_id: call.id.clone(),
        name: call.name.clone(),
        status,
    }
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
