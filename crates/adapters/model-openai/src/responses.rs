//! The Responses API: what is sent, and what its events mean. Pure.

use std::collections::{BTreeSet, VecDeque};

use chancery_agents::{ModelError, ModelEvent, ModelInput, ModelRequest, ModelTool, ToolCall, Usage};
use serde_json::{Value, json};

use crate::{
    failure::{self, broken},
    fields::{count, filled, items, text},
};

/// The request. Nothing is stored at the provider: the conversation is ours.
pub(crate) fn body(request: &ModelRequest, model: &str) -> Value {
    let mut body = json!({
        "model": model,
        "instructions": request.instructions,
        "input": request.input.iter().map(input).collect::<Vec<_>>(),
        "stream": true,
        "store": false,
    });
    if !request.tools.is_empty()
        && let Some(body) = body.as_object_mut()
    {
        body.insert("tools".to_owned(), request.tools.iter().map(tool).collect());
    }
    body
}

fn input(item: &ModelInput) -> Value {
    match item {
        ModelInput::User(text) => json!({"type": "message", "role": "user", "content": text}),
        ModelInput::Assistant(text) => json!({"type": "message", "role": "assistant", "content": text}),
        ModelInput::ToolCall(call) => json!({
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments,
        }),
        ModelInput::ToolResult { call_id, output } => {
            json!({"type": "function_call_output", "call_id": call_id, "output": output})
        }
    }
}

fn tool(tool: &ModelTool) -> Value {
    json!({
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        // Strict mode takes a subset of JSON Schema; tools may use all of it.
        "strict": false,
    })
}

/// Reads the events of one answer.
#[derive(Default)]
pub(crate) struct Reader {
    /// Ids of the calls that were passed on.
    called: BTreeSet<String>,
}

impl Reader {
    /// Reads one event. Kinds that are not known are no concern of ours: the API gains some with every release.
    pub(crate) fn read(&mut self, data: &str, events: &mut VecDeque<ModelEvent>) -> Result<(), ModelError> {
        if data.trim() == "[DONE]" {
            // Of servers that close both APIs alike. The end is `response.completed`.
            return Ok(());
        }
        let event: Value =
            serde_json::from_str(data).map_err(|_| broken("an event of the answer is no JSON"))?;
        match text(&event, "/type") {
            Some("response.output_text.delta") => {
                let delta = filled(&event, "/delta").map(str::to_owned);
                events.extend(delta.map(ModelEvent::TextDelta));
            }
            Some("response.refusal.delta") => {
                let delta = filled(&event, "/delta").map(str::to_owned);
                events.extend(delta.map(ModelEvent::RefusalDelta));
            }
            // The pieces of a call's arguments (`response.function_call_arguments.delta`) are repeated here as a whole.
            Some("response.output_item.done") => {
                if let Some(item) = event.get("item") {
                    self.call(item, events)?;
                }
            }
            Some("response.completed") => return self.completed(&event, events),
            Some("response.incomplete") => return Err(incomplete(&event)),
            Some("response.failed" | "error") => return Err(failure::of_event(&event)),
            None if event.get("error").is_some_and(Value::is_object) => {
                return Err(failure::of_event(&event));
            }
            Some(_) | None => {}
        }
        Ok(())
    }

    /// Passes a call on, once.
    fn call(&mut self, item: &Value, events: &mut VecDeque<ModelEvent>) -> Result<(), ModelError> {
        let is_cut = text(item, "/status") == Some("incomplete");
        if text(item, "/type") != Some("function_call") || is_cut {
            return Ok(());
        }
        let (Some(id), Some(name)) = (filled(item, "/call_id"), filled(item, "/name")) else {
            return Err(broken("a call of the answer has no id or no name"));
        };
        if self.called.insert(id.to_owned()) {
            events.push_back(ModelEvent::ToolCall(ToolCall {
                id: id.to_owned(),
                name: name.to_owned(),
                arguments: text(item, "/arguments").unwrap_or_default().to_owned(),
            }));
        }
        Ok(())
    }

    fn completed(&mut self, event: &Value, events: &mut VecDeque<ModelEvent>) -> Result<(), ModelError> {
        // Some servers name every end `response.completed`; the status tells.
        match text(event, "/response/status") {
            Some("completed") | None => {}
            Some("failed") => return Err(failure::of_event(event)),
            Some(_) => return Err(incomplete(event)),
        }
        // And some name their calls nowhere else.
        for item in items(event, "/response/output") {
            self.call(item, events)?;
        }
        events.push_back(ModelEvent::Finished(usage(event)));
        Ok(())
    }
}

fn incomplete(event: &Value) -> ModelError {
    failure::of_ending(text(event, "/response/incomplete_details/reason"))
}

fn usage(event: &Value) -> Usage {
    let count = |of: &str| count(event, &format!("/response/usage/{of}"));
    Usage {
        input_tokens: count("input_tokens"),
        output_tokens: count("output_tokens"),
        cached_input_tokens: count("input_tokens_details/cached_tokens"),
        reasoning_output_tokens: count("output_tokens_details/reasoning_tokens"),
        requests: 1,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use chancery_agents::{ModelError, ModelEvent, ModelInput, ModelRequest, ModelTool, ToolCall, Usage};
    use serde_json::{Value, json};

    use super::{Reader, body};

    fn read(events: &[Value]) -> (Vec<ModelEvent>, Result<(), ModelError>) {
        let (mut reader, mut out) = (Reader::default(), VecDeque::new());
        let result = events
            .iter()
            .try_for_each(|event| reader.read(&event.to_string(), &mut out));
        (out.into(), result)
    }

    fn call(id: &str) -> Value {
        json!({"type": "function_call", "id": "fc_1", "call_id": id, "name": "clock", "arguments": "{}"})
    }

    #[test]
    fn the_request_carries_conversation_calls_and_tools() {
        let request = ModelRequest {
            model: "gpt-x".to_owned(),
            instructions: "Be brief.".to_owned(),
            input: vec![
                ModelInput::User("Hi".to_owned()),
                ModelInput::Assistant("Hello".to_owned()),
                ModelInput::User("Time?".to_owned()),
                ModelInput::ToolCall(ToolCall {
                    id: "c1".to_owned(),
                    name: "clock".to_owned(),
                    arguments: "{}".to_owned(),
                }),
                ModelInput::ToolResult {
                    call_id: "c1".to_owned(),
                    output: "noon".to_owned(),
                },
            ],
            tools: vec![ModelTool {
                name: "clock".to_owned(),
                description: "Tells the time.".to_owned(),
                parameters: json!({"type": "object"}),
            }],
        };
        let expected = json!({
            "model": "gpt-y",
            "instructions": "Be brief.",
            "input": [
                {"type": "message", "role": "user", "content": "Hi"},
                {"type": "message", "role": "assistant", "content": "Hello"},
                {"type": "message", "role": "user", "content": "Time?"},
                {"type": "function_call", "call_id": "c1", "name": "clock", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "noon"},
            ],
            "tools": [{
                "type": "function",
                "name": "clock",
                "description": "Tells the time.",
                "parameters": {"type": "object"},
                "strict": false,
            }],
            "stream": true,
            "store": false,
        });
        assert_eq!(body(&request, "gpt-y"), expected);
    }

    #[test]
    fn text_calls_refusal_and_usage_are_passed_on_and_the_unknown_is_not() {
        let (events, result) = read(&[
            json!({"type": "response.created", "response": {"status": "in_progress"}}),
            json!({"type": "response.output_text.delta", "delta": "Hel"}),
            json!({"type": "response.output_text.delta", "delta": ""}),
            json!({"type": "response.refusal.delta", "delta": "No"}),
            json!({"type": "response.function_call_arguments.delta", "delta": "{"}),
            json!({"type": "response.output_item.done", "item": call("c1")}),
            json!({"type": "response.of_the_future", "delta": 7}),
            json!({"type": "response.completed", "response": {"status": "completed", "output": [call("c1")], "usage": {
                "input_tokens": 9, "input_tokens_details": {"cached_tokens": 4},
                "output_tokens": 8, "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 17,
            }}}),
        ]);
        assert!(result.is_ok());
        let expected = [
            ModelEvent::TextDelta("Hel".to_owned()),
            ModelEvent::RefusalDelta("No".to_owned()),
            ModelEvent::ToolCall(ToolCall {
                id: "c1".to_owned(),
                name: "clock".to_owned(),
                arguments: "{}".to_owned(),
            }),
            ModelEvent::Finished(Usage {
                input_tokens: 9,
                output_tokens: 8,
                cached_input_tokens: 4,
                reasoning_output_tokens: 3,
                requests: 1,
            }),
        ];
        assert_eq!(events, expected);
    }

    #[test]
    fn a_call_that_only_the_end_names_is_made() {
        let (events, _) =
            read(&[json!({"type": "response.completed", "response": {"output": [call("c9")]}})]);
        assert!(
            matches!(events.as_slice(), [ModelEvent::ToolCall(call), ModelEvent::Finished(_)] if call.id == "c9")
        );
    }

    #[test]
    fn a_cut_or_failed_answer_is_an_error() {
        for (event, code) in [
            (
                json!({"type": "response.incomplete", "response": {"incomplete_details": {"reason": "max_output_tokens"}}}),
                "model_stream_broken",
            ),
            (
                json!({"type": "response.completed", "response": {"status": "incomplete"}}),
                "model_stream_broken",
            ),
            (
                json!({"type": "response.incomplete", "response": {"incomplete_details": {"reason": "content_filter"}}}),
                "model_refused",
            ),
            (
                json!({"type": "response.failed", "response": {"error": {"code": "server_error"}}}),
                "model_unavailable",
            ),
            (
                json!({"type": "error", "code": "rate_limit_exceeded"}),
                "model_rate_limited",
            ),
            (
                json!({"error": {"code": "context_length_exceeded"}}),
                "model_refused",
            ),
            (
                json!({"type": "response.output_item.done", "item": {"type": "function_call", "name": "clock"}}),
                "model_stream_broken",
            ),
        ] {
            let (events, result) = read(std::slice::from_ref(&event));
            assert!(events.is_empty(), "{event}");
            assert_eq!(result.unwrap_err().code(), code, "{event}");
        }
    }
}
