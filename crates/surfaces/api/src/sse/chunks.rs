//! The first version's frames: text alone, no ids, no comments.

use std::fmt::Write;

use bytes::Bytes;
use chancery_agents::{Run, RunEvent, What};
use chancery_ids::ConversationKey;
use serde::Serialize;

#[derive(Serialize)]
struct Frame<'e> {
    chunk: &'e str,
    conversation_id: &'e ConversationKey,
    is_complete: bool,
    agent_used: &'e str,
}

/// The frame of an event; `None` for events that this version does not know.
pub(super) fn frame(run: &Run, event: &RunEvent) -> Option<Bytes> {
    let text = |text| Some(chunk(run, event, text, false));
    match &event.what {
        What::MessageDelta { delta, .. } | What::RefusalDelta { delta, .. } => text(delta),
        What::Final { .. } => Some(chunk(run, event, "", true)),
        What::Error { message, .. } => Some(error(run.conversation_key.as_str(), message)),
        What::Lifecycle { .. }
        | What::AgentUpdated { .. }
        | What::ItemAdded(_)
        | What::ItemDone(_)
        | What::RefusalDone { .. }
        | What::ToolArguments { .. }
        | What::ToolStatus { .. }
        | What::ToolOutput { .. }
        | What::ToolApproval { .. }
        | What::Guardrail(_) => None,
    }
}

/// The end of a stream of which its reader alone is told.
pub(super) fn farewell(message: &str) -> Bytes {
    error("unknown", message)
}

fn chunk(run: &Run, event: &RunEvent, chunk: &str, is_complete: bool) -> Bytes {
    let frame = Frame {
        chunk,
        conversation_id: &run.conversation_key,
        is_complete,
        agent_used: event.agent.as_deref().unwrap_or(&run.entry_agent),
    };
    let data = serde_json::to_string(&frame).unwrap_or_default();
    Bytes::from(format!("data: {data}\n\n"))
}

/// Written as the first version wrote it: spaces after separators, nothing but ASCII.
fn error(conversation: &str, message: &str) -> Bytes {
    let (conversation, message) = (ascii_json(conversation), ascii_json(message));
    Bytes::from(format!(
        "data: {{\"error\": {message}, \"conversation_id\": {conversation}, \"is_complete\": true, \"chunk\": \"\"}}\n\n"
    ))
}

/// A JSON string with everything beyond ASCII escaped, in UTF-16 as RFC 8259 section 7 has it.
fn ascii_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    let mut ascii = String::with_capacity(quoted.len());
    for c in quoted.chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use chancery_agents::{ErrorSource, What};

    use super::frame;
    use crate::sse::public::tests::{delta, event, finished, run};

    fn text(what: What) -> Option<String> {
        frame(&run("c1"), &event(1, what)).map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn text_and_the_end_look_as_the_first_version_sent_them() {
        let expected = "data: {\"chunk\":\"Hello\",\"conversation_id\":\"c1\",\"is_complete\":false,\"agent_used\":\"triage\"}\n\n";
        assert_eq!(text(delta("Hello")).unwrap(), expected);
        let expected = "data: {\"chunk\":\"\",\"conversation_id\":\"c1\",\"is_complete\":true,\"agent_used\":\"triage\"}\n\n";
        assert_eq!(text(finished("Hello")).unwrap(), expected);
    }

    #[test]
    fn an_error_is_written_with_spaces_and_in_ascii() {
        let error = What::Error {
            code: "model_timeout".to_owned(),
            message: "tôt \u{1f600} \"q\"".to_owned(),
            source: ErrorSource::Provider,
            is_retryable: true,
        };
        let expected = "data: {\"error\": \"t\\u00f4t \\ud83d\\ude00 \\\"q\\\"\", \"conversation_id\": \"c1\", \"is_complete\": true, \"chunk\": \"\"}\n\n";
        assert_eq!(text(error).unwrap(), expected);
    }

    #[test]
    fn what_the_first_version_does_not_know_is_not_sent() {
        let handed_off = What::AgentUpdated {
            from: "triage".to_owned(),
            to: "data_analyst".to_owned(),
            index: 1,
        };
        assert_eq!(text(handed_off), None);
    }
}
