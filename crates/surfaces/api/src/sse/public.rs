//! `public_sse_v1`: the envelope around every event.

use bytes::Bytes;
use chancery_agents::{AgentScope, Run, RunEvent};
use chancery_ambient::Timestamp;
use chancery_ids::ConversationKey;
use serde::Serialize;

use super::{members::Members, sanitise::Notice};

/// One event as it stands in `data`. Members that do not apply are null, never absent.
#[derive(Serialize)]
struct Envelope<'e> {
    schema: &'static str,
    event_id: u64,
    stream_id: String,
    server_timestamp: Timestamp,
    kind: &'static str,
    conversation_id: &'e ConversationKey,
    /// The provider's id of an answer is not kept.
    response_id: (),
    agent: Option<&'e str>,
    workflow: (),
    scope: Option<Scope<'e>>,
    provider_sequence_number: (),
    notices: Option<Vec<Notice>>,
    #[serde(flatten)]
    members: Members<'e>,
}

/// What happens inside the call of a tool.
#[derive(Serialize)]
struct Scope<'e> {
    r#type: &'static str,
    #[serde(flatten)]
    of: &'e AgentScope,
}

/// The frame of an event. `id:` is what a client sends back as `Last-Event-ID`.
pub(super) fn frame(run: &Run, event: &RunEvent) -> Bytes {
    let mut notices = Vec::new();
    let (kind, members) = Members::of(&event.what, &mut notices);
    let envelope = Envelope {
        schema: "public_sse_v1",
        event_id: event.id,
        stream_id: run.stream_id(),
        server_timestamp: event.at,
        kind,
        conversation_id: &run.conversation_key,
        response_id: (),
        agent: event.agent.as_deref(),
        workflow: (),
        scope: event.scope.as_deref().map(|scope| Scope {
            r#type: "agent_tool",
            of: scope,
        }),
        provider_sequence_number: (),
        notices: Some(notices).filter(|notices| !notices.is_empty()),
        members,
    };
    // Strings and numbers into memory: it cannot fail.
    let data = serde_json::to_string(&envelope).unwrap_or_default();
    Bytes::from(format!("id: {}.{}\ndata: {data}\n\n", run.id, event.id))
}

/// A named event, which readers of `public_sse_v1` that know messages alone pass over.
pub(super) fn farewell(code: &str, message: &str) -> Bytes {
    let data = serde_json::json!({"code": code, "message": message});
    Bytes::from(format!("event: stream_ended\ndata: {data}\n\n"))
}

#[cfg(test)]
pub(super) mod tests;
