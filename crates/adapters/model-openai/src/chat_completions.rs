//! The Chat Completions API: what is sent, and what its chunks mean. Pure.

use std::collections::VecDeque;

use chancery_agents::{ModelError, ModelEvent, ModelInput, ModelRequest, ModelTool, ToolCall, Usage};
use serde_json::{Value, json};

use crate::{
    failure::{self, broken},
    fields::{count, filled, items, text},
};

const MOST_CALLS: usize = 128;

/// The request.
pub(crate) fn body(request: &ModelRequest, model: &str) -> Value {
    let mut body = json!({
        "model": model,
        "messages": messages(request),
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    if !request.tools.is_empty()
        && let Some(body) = body.as_object_mut()
    {
        body.insert("tools".to_owned(), request.tools.iter().map(tool).collect());
    }
    body
}

fn messages(request: &ModelRequest) -> Vec<Value> {
    let mut messages = vec![json!({"role": "system", "content": request.instructions})];
    for item in &request.input {
        match item {
            ModelInput::User(text) => messages.push(json!({"role": "user", "content": text})),
            ModelInput::Assistant(text) => messages.push(json!({"role": "assistant", "content": text})),
            ModelInput::ToolCall(call) => push_call(&mut messages, call),
            ModelInput::ToolResult { call_id, output } => {
                messages.push(json!({"role": "tool", "tool_call_id": call_id, "content": output}));
            }
        }
    }
    messages
}

/// A call is part of the assistant's message: of the last one, when that is what came last.
fn push_call(messages: &mut Vec<Value>, call: &ToolCall) {
    if messages
        .last()
        .is_none_or(|last| text(last, "/role") != Some("assistant"))
    {
        messages.push(json!({"role": "assistant", "content": null}));
    }
    let entry = json!({
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    });
    if let Some(message) = messages.last_mut().and_then(Value::as_object_mut)
        && let Some(calls) = message
            .entry("tool_calls")
            .or_insert_with(|| json!([]))
            .as_array_mut()
    {
        calls.push(entry);
    }
}

fn tool(tool: &ModelTool) -> Value {
    json!({
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
    })
}

/// Reads the chunks of one answer.
#[derive(Default)]
pub(crate) struct Reader {
    calls: Vec<Call>,
    usage: Usage,
    /// A reason to finish was given: only usage and the end mark may follow.
    finished: bool,
}

/// A call whose pieces are coming.
#[derive(Default)]
struct Call {
    index: u64,
    id: String,
    name: String,
    arguments: String,
}

impl Reader {
    /// Reads one chunk, or the end mark `[DONE]`.
    pub(crate) fn read(&mut self, data: &str, events: &mut VecDeque<ModelEvent>) -> Result<(), ModelError> {
        if data.trim() == "[DONE]" {
            return self.end(events);
        }
        let chunk: Value =
            serde_json::from_str(data).map_err(|_| broken("a chunk of the answer is no JSON"))?;
        if chunk.get("error").is_some_and(|error| !error.is_null()) {
            return Err(failure::of_event(&chunk));
        }
        if chunk.get("usage").is_some_and(Value::is_object) {
            self.usage = usage(&chunk);
        }
        // We ask for one answer; a server that gives several has only its first one heard.
        let choices = items(&chunk, "/choices").iter();
        choices
            .filter(|choice| count(choice, "/index") == 0)
            .try_for_each(|choice| self.choice(choice, events))
    }

    fn choice(&mut self, choice: &Value, events: &mut VecDeque<ModelEvent>) -> Result<(), ModelError> {
        let piece = |pointer| filled(choice, pointer).map(str::to_owned);
        events.extend(piece("/delta/content").map(ModelEvent::TextDelta));
        events.extend(piece("/delta/refusal").map(ModelEvent::RefusalDelta));
        for (position, piece) in (0..).zip(items(choice, "/delta/tool_calls")) {
            self.call_piece(position, piece)?;
        }
        match filled(choice, "/finish_reason") {
            None => Ok(()),
            Some("stop" | "tool_calls") => {
                self.finished = true;
                Ok(())
            }
            // Cut by length or by a filter, or for a reason of the provider's own: all but an answer.
            reason => Err(failure::of_ending(reason)),
        }
    }

    /// Pieces of a call share its index; the first one brings id and name.
    fn call_piece(&mut self, position: u64, piece: &Value) -> Result<(), ModelError> {
        let index = piece.get("index").and_then(Value::as_u64).unwrap_or(position);
        let id = filled(piece, "/id");
        let goes_on = |call: &&mut Call| {
            // Some servers give every call the index 0; a new id is a new call.
            call.index == index && id.is_none_or(|id| call.id.is_empty() || call.id == id)
        };
        let call = if let Some(call) = self.calls.iter_mut().rev().find(goes_on) {
            call
        } else if self.calls.len() == MOST_CALLS {
            return Err(broken("the answer has more calls than it may have"));
        } else {
            self.calls.push_mut(Call {
                index,
                ..Call::default()
            })
        };
        if let Some(id) = id {
            id.clone_into(&mut call.id);
        }
        if call.name.is_empty() {
            call.name
                .push_str(text(piece, "/function/name").unwrap_or_default());
        }
        call.arguments
            .push_str(text(piece, "/function/arguments").unwrap_or_default());
        Ok(())
    }

    fn end(&mut self, events: &mut VecDeque<ModelEvent>) -> Result<(), ModelError> {
        if !self.finished {
            return Err(broken("the answer ended without a reason to finish"));
        }
        for call in self.calls.drain(..) {
            if call.id.is_empty() || call.name.is_empty() {
                return Err(broken("a call of the answer has no id or no name"));
            }
            events.push_back(ModelEvent::ToolCall(ToolCall {
                id: call.id,
                name: call.name,
                arguments: call.arguments,
            }));
        }
        events.push_back(ModelEvent::Finished(Usage {
            requests: 1,
            ..self.usage
        }));
        Ok(())
    }
}

fn usage(chunk: &Value) -> Usage {
    let count = |of: &str| count(chunk, &format!("/usage/{of}"));
    Usage {
        input_tokens: count("prompt_tokens"),
        output_tokens: count("completion_tokens"),
        cached_input_tokens: count("prompt_tokens_details/cached_tokens"),
        reasoning_output_tokens: count("completion_tokens_details/reasoning_tokens"),
        requests: 1,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use chancery_agents::{ModelError, ModelEvent, ModelInput, ModelRequest, ModelTool, ToolCall, Usage};
    use serde_json::{Value, json};

    use super::{MOST_CALLS, Reader, body};

    fn read(chunks: &[Value]) -> (Vec<ModelEvent>, Result<(), ModelError>) {
        let (mut reader, mut out) = (Reader::default(), VecDeque::new());
        let result = chunks
            .iter()
            .map(ToString::to_string)
            .chain(["[DONE]".to_owned()])
            .try_for_each(|data| reader.read(&data, &mut out));
        (out.into(), result)
    }

    fn delta(delta: Value) -> Value {
        json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
    }

    fn finish(reason: &str) -> Value {
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    }

    fn called(id: &str, name: &str, arguments: &str) -> ModelEvent {
        ModelEvent::ToolCall(ToolCall {
            id: id.to_owned(),
            name: name.to_owned(),
            arguments: arguments.to_owned(),
        })
    }

    #[test]
    fn calls_of_one_turn_share_the_message_of_the_assistant() {
        let call = |id: &str| {
            ModelInput::ToolCall(ToolCall {
                id: id.to_owned(),
                name: "clock".to_owned(),
                arguments: "{}".to_owned(),
            })
        };
        let result = |id: &str| ModelInput::ToolResult {
            call_id: id.to_owned(),
            output: "noon".to_owned(),
        };
        let request = ModelRequest {
            model: "gpt-x".to_owned(),
            instructions: "Be brief.".to_owned(),
            input: vec![
                ModelInput::User("Time?".to_owned()),
                ModelInput::Assistant("Let me see.".to_owned()),
                call("c1"),
                call("c2"),
                result("c1"),
                result("c2"),
                call("c3"),
            ],
            tools: vec![ModelTool {
                name: "clock".to_owned(),
                description: "Tells the time.".to_owned(),
                parameters: json!({"type": "object"}),
            }],
        };
        let entry = |id: &str| json!({"id": id, "type": "function", "function": {"name": "clock", "arguments": "{}"}});
        let expected = json!({
            "model": "gpt-x",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Time?"},
                {"role": "assistant", "content": "Let me see.", "tool_calls": [entry("c1"), entry("c2")]},
                {"role": "tool", "tool_call_id": "c1", "content": "noon"},
                {"role": "tool", "tool_call_id": "c2", "content": "noon"},
                {"role": "assistant", "content": null, "tool_calls": [entry("c3")]},
            ],
            "tools": [{"type": "function", "function": {
                "name": "clock", "description": "Tells the time.", "parameters": {"type": "object"},
            }}],
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        assert_eq!(body(&request, "gpt-x"), expected);
    }

    #[test]
    fn text_refusal_and_usage_are_passed_on() {
        let (events, result) = read(&[
            delta(json!({"role": "assistant", "content": ""})),
            finish(""),
            delta(json!({"content": "Hel"})),
            delta(json!({"content": null, "refusal": "No"})),
            json!({"choices": [{"index": 1, "delta": {"content": "another answer"}}]}),
            finish("stop"),
            json!({"choices": [], "usage": {
                "prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens": 8, "completion_tokens_details": {"reasoning_tokens": 3},
            }}),
        ]);
        assert!(result.is_ok());
        let expected = [
            ModelEvent::TextDelta("Hel".to_owned()),
            ModelEvent::RefusalDelta("No".to_owned()),
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
    fn pieces_of_calls_are_put_together_by_their_index() {
        let piece = |piece: Value| delta(json!({"tool_calls": [piece]}));
        let (events, _) = read(&[
            piece(json!({"index": 0, "id": "a", "function": {"name": "clock", "arguments": ""}})),
            piece(json!({"index": 1, "id": "b", "function": {"name": "search", "arguments": "{\"q\":"}})),
            piece(json!({"index": 0, "function": {"arguments": "{}"}})),
            piece(json!({"index": 1, "function": {"arguments": "1}"}})),
            finish("tool_calls"),
        ]);
        assert_eq!(
            events.get(..2),
            Some([called("a", "clock", "{}"), called("b", "search", "{\"q\":1}")].as_slice())
        );
    }

    #[test]
    fn whole_calls_with_one_index_or_none_stay_apart() {
        for index in [json!(0), Value::Null] {
            let whole = |id: &str| json!({"index": index, "id": id, "function": {"name": "clock", "arguments": "{}"}});
            let (events, _) = read(&[
                delta(json!({"tool_calls": [whole("a"), whole("b")]})),
                finish("stop"),
            ]);
            let expected = [called("a", "clock", "{}"), called("b", "clock", "{}")];
            assert_eq!(events.get(..2), Some(expected.as_slice()), "index {index}");
        }
    }

    #[test]
    fn an_answer_that_did_not_finish_is_none() {
        let endless = (0..=MOST_CALLS).map(|index| json!({"index": index, "id": format!("c{index}")}));
        for (chunk, code) in [
            (delta(json!({"content": "Hel"})), "model_stream_broken"),
            (finish("length"), "model_stream_broken"),
            (finish("insufficient_system_resource"), "model_stream_broken"),
            (finish("content_filter"), "model_refused"),
            (
                json!({"error": {"code": 429}, "choices": []}),
                "model_rate_limited",
            ),
            (
                delta(json!({"tool_calls": endless.collect::<Vec<_>>()})),
                "model_stream_broken",
            ),
        ] {
            let (events, result) = read(std::slice::from_ref(&chunk));
            assert!(
                !events
                    .iter()
                    .any(|event| matches!(event, ModelEvent::Finished(_)))
            );
            assert_eq!(result.unwrap_err().code(), code, "{chunk}");
        }
    }

    #[test]
    fn a_call_without_an_id_cannot_be_answered() {
        let nameless = delta(json!({"tool_calls": [{"index": 0, "function": {"name": "clock"}}]}));
        let (_, result) = read(&[nameless, finish("tool_calls")]);
        assert_eq!(result.unwrap_err().code(), "model_stream_broken");
    }
}
