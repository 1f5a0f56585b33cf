//! One agent asks another and goes on itself. The asked one works in the same run, aside: its calls are shown within a scope,
//! what it says is the answer to the call.

use std::mem;

use chancery_tools::{ToolKind, check_arguments};
use serde_json::{Value, json};

use crate::{
    AgentScope, HostedAgent, ItemPlace, ModelInput, ModelTool, ToolCall, ToolCallStatus,
    agent::asking,
    checkpoint::{Outer, Progress},
    desk::{Desk, Stop},
    turn::Turn,
};

/// What the tools take by which agents ask agents.
fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": {"input": {"type": "string", "description": "All that the other agent has to know"}},
        "required": ["input"],
        "additionalProperties": false,
    })
}

/// The kind of a tool that asks this agent.
pub(crate) fn kind(agent: &str) -> ToolKind {
    ToolKind::Agent { agent: agent.into() }
}

impl<'a> Turn<'a> {
    /// The tools by which the agent at work may ask others.
    pub(crate) fn offered_agents(&self) -> Vec<ModelTool> {
        let asked = self.agent.bundle.agents.iter();
        let found = asked.filter_map(|name| self.agents.find(name));
        found
            .map(|agent| ModelTool {
                name: asking(&agent.name),
                description: format!("Asks {} and gives its answer: {}", agent.name, agent.description),
                parameters: parameters(),
            })
            .collect()
    }

    /// Lets `asked` work on what a call asks. Gives the text for the model when the call cannot be made.
    pub(crate) async fn ask_agent(
        &mut self,
        desk: &mut Desk,
        place: &ItemPlace,
        (call, asked): (&ToolCall, &'a HostedAgent),
        progress: &mut Progress,
    ) -> Result<Option<String>, Stop> {
        let arguments = match check_arguments(&parameters(), &call.arguments) {
            Ok(arguments) => arguments,
            Err(error) => {
                let (told, ended) = (error.to_string(), ToolCallStatus::Failed);
                self.toolbox.tell(desk, place, call, told.clone(), ended).await?;
                return Ok(Some(told));
            }
        };
        let began = self.toolbox.status(place, call, ToolCallStatus::InProgress);
        desk.log.emit(began).await?;
        let question = arguments.get("input").and_then(Value::as_str).unwrap_or_default();
        let question = question.to_owned();
        progress.outer.push(Outer {
            agent: mem::replace(&mut self.agent, asked).name.clone(),
            place: place.clone(),
            before: mem::take(&mut progress.before),
            text: mem::replace(&mut progress.text, question.clone()),
            input: mem::replace(&mut progress.input, vec![ModelInput::User(question)]),
            calls: mem::take(&mut progress.calls),
            next_agent: progress.next_agent.take(),
        });
        self.take_place(desk, progress);
        Ok(None)
    }

    /// Gives what the agent at work has said to the one that asked it, which goes on.
    pub(crate) async fn answer_asker(
        &mut self,
        desk: &mut Desk,
        said: String,
        progress: &mut Progress,
    ) -> Result<(), Stop> {
        let Some(outer) = progress.outer.pop() else {
            return Ok(());
        };
        self.put_to_work(&outer.agent);
        progress.before = outer.before;
        progress.text = outer.text;
        progress.input = outer.input;
        progress.calls = outer.calls;
        progress.next_agent = outer.next_agent;
        self.take_place(desk, progress);
        if let Some(call) = progress.calls.front() {
            let given = (said, ToolCallStatus::Completed);
            let given = self.toolbox.give(desk, self.agent, &outer.place, call, given);
            let output = given.await?;
            desk.end_call(outer.place).await?;
            progress.answered(output);
        }
        Ok(())
    }

    /// Tells the desk who is at work, and for whom.
    pub(crate) fn take_place(&self, desk: &mut Desk, progress: &Progress) {
        let asker = progress.outer.last().and_then(|outer| outer.calls.front());
        let scope = asker.map(|call| AgentScope {
            tool_call_id: call.id.clone(),
            tool_name: call.name.clone(),
            agent: self.agent.name.clone(),
        });
        desk.speak_aside(scope.is_some());
        desk.log.set_agent(&self.agent.name, scope);
    }

    /// The run ends while somebody asks somebody: what was asked breaks off, the innermost first, and the run is that of the
    /// agent that the person speaks to.
    pub(crate) async fn leave_asked(&mut self, desk: &mut Desk, progress: &mut Progress) -> Result<(), Stop> {
        while let Some(outer) = progress.outer.pop() {
            desk.break_off(&outer.place).await?;
            self.put_to_work(&outer.agent);
            progress.calls = outer.calls;
            self.take_place(desk, progress);
        }
        Ok(())
    }
}
