//! What holds for every stream of `public_sse_v1`, checked block by block while it is read. A stream that begins with its run's first
//! event is checked whole; one that was resumed, as far as what came before does not count.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Frame;

/// Members that every event has, null when they do not apply.
const ENVELOPE: &[&str] = &[
    "schema",
    "event_id",
    "stream_id",
    "server_timestamp",
    "kind",
    "conversation_id",
    "response_id",
    "agent",
    "workflow",
    "scope",
    "provider_sequence_number",
    "notices",
];

/// The members of each kind besides those, all of them, so that nothing else gets out.
const KINDS: &[(&str, &[&str])] = &[
    ("lifecycle", &["status", "reason"]),
    ("agent.updated", &["from_agent", "to_agent", "handoff_index"]),
    ("output_item.added", ITEM),
    ("output_item.done", ITEM),
    ("message.delta", DELTA),
    ("refusal.delta", DELTA),
    ("refusal.done", &["output_index", "item_id", "refusal_text"]),
    (
        "tool.arguments.done",
        &[
            "output_index",
            "item_id",
            "tool_call_id",
            "tool_type",
            "tool_name",
            "arguments_text",
            "arguments_json",
        ],
    ),
    ("tool.status", &["output_index", "item_id", "tool"]),
    (
        "tool.output",
        &["output_index", "item_id", "tool_call_id", "tool_type", "output"],
    ),
    (
        "tool.approval",
        &[
            "output_index",
            "item_id",
            "tool_call_id",
            "tool_name",
            "server_label",
            "approval_request_id",
            "approved",
            "reason",
        ],
    ),
    ("error", &["error"]),
    ("final", &["final"]),
];
const ITEM: &[&str] = &["output_index", "item_id", "item_type", "role", "status"];
const DELTA: &[&str] = &["output_index", "item_id", "content_index", "delta"];
const FINAL: &[&str] = &[
    "status",
    "response_text",
    "structured_output",
    "reasoning_summary_text",
    "refusal_text",
    "attachments",
    "usage",
];
const USAGE: &[&str] = &[
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cached_input_tokens",
    "reasoning_output_tokens",
    "requests",
];
const ERROR: &[&str] = &["code", "message", "source", "is_retryable"];
const FUNCTION: &[&str] = &[
    "tool_type",
    "tool_call_id",
    "status",
    "name",
    "arguments_text",
    "arguments_json",
    "output",
];

const MCP: &[&str] = &[
    "tool_type",
    "tool_call_id",
    "status",
    "server_label",
    "tool_name",
    "arguments_text",
    "arguments_json",
    "output",
];
const AGENT: &[&str] = &["tool_type", "tool_call_id", "status", "name", "agent"];

/// Where the agents of this server are told what they are.
const AGENTS: [&str; 3] = [
    include_str!("../../crates/server/catalog/agents/triage.toml"),
    include_str!("../../crates/server/catalog/agents/code_assistant.toml"),
    include_str!("../../crates/server/catalog/agents/data_analyst.toml"),
];

/// The state of one stream.
#[derive(Default)]
pub struct Invariants {
    blocks: usize,
    last: Option<Value>,
    /// Whether the run's first event was seen.
    is_whole: bool,
    provider_sequence: u64,
    /// By the call they belong to and their id: their place, and whether they are done.
    items: BTreeMap<(String, String), (u64, bool)>,
    /// What the messages of the agents themselves add up to, and to which of them the last piece belongs.
    text: String,
    refusal: String,
    writing: Option<String>,
    lifecycle: String,
    ended: bool,
    farewell: Option<String>,
}

impl Invariants {
    /// Checks all blocks of one stream that came to its end, without their blank lines, comments left out.
    pub fn hold_over<'b>(blocks: impl IntoIterator<Item = &'b str>) {
        let mut invariants = Self {
            blocks: 1,
            ..Self::default()
        };
        for block in blocks {
            invariants.block(block);
        }
        assert!(invariants.ended, "the stream ended without a terminal event");
    }

    /// Whether the terminal event came.
    #[must_use]
    pub const fn ended(&self) -> bool {
        self.ended
    }

    /// Why this reader's stream ended, when that is not the run's end.
    #[must_use]
    pub fn farewell(&self) -> Option<&str> {
        self.farewell.as_deref()
    }

    /// The next block; its event, if it is one of the run.
    pub fn block(&mut self, block: &str) -> Option<Frame> {
        self.blocks += 1;
        assert!(self.farewell.is_none(), "a block after the farewell: {block}");
        let lines: Vec<&str> = block.lines().collect();
        match lines[..] {
            [comment] if comment.starts_with(':') => {
                self.comment(comment);
                None
            }
            ["event: stream_ended", data] => {
                let told: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
                has_exactly(&told, &["code", "message"], &[]);
                self.farewell = Some(told["code"].as_str().unwrap().to_owned());
                None
            }
            [id, data] => {
                let id = id
                    .strip_prefix("id: ")
                    .unwrap_or_else(|| panic!("no id: {block}"));
                let data = data
                    .strip_prefix("data: ")
                    .unwrap_or_else(|| panic!("no data: {block}"));
                let frame = Frame {
                    id: id.to_owned(),
                    data: data.to_owned(),
                    event: serde_json::from_str(data).unwrap(),
                };
                self.event(&frame);
                Some(frame)
            }
            _ => panic!("a block of other lines: {block}"),
        }
    }

    fn comment(&self, comment: &str) {
        if self.blocks == 1 {
            assert_eq!(comment, ": connected");
            return;
        }
        let time = comment.strip_prefix(": heartbeat ");
        assert!(time.is_some_and(is_time), "a comment of another shape: {comment}");
    }

    fn event(&mut self, frame: &Frame) {
        let event = &frame.event;
        assert!(self.blocks > 1, "no comment came before: {event}");
        assert!(!self.ended, "an event after the terminal one: {event}");
        self.envelope(frame);
        let kind = event["kind"].as_str().unwrap();
        let (_, members) = KINDS
            .iter()
            .find(|(known, _)| *known == kind)
            .unwrap_or_else(|| panic!("no kind of the contract: {event}"));
        has_exactly(event, ENVELOPE, members);
        leaks_nothing(&frame.data);
        if self.last.is_none() {
            self.is_whole = event["event_id"] == 1;
            assert!(!self.is_whole || event["status"] == "in_progress", "{event}");
        }
        self.last = Some(event.clone());
        match kind {
            "lifecycle" => event["status"].as_str().unwrap().clone_into(&mut self.lifecycle),
            "output_item.added" => self.item_begins(event),
            "output_item.done" => self.item_ends(event),
            "error" | "final" => self.end(event),
            _ if event.get("item_id").is_some() => self.item_goes_on(event),
            _ => {}
        }
    }

    fn envelope(&mut self, frame: &Frame) {
        let event = &frame.event;
        assert_eq!(event["schema"], "public_sse_v1");
        let stream = event["stream_id"]
            .as_str()
            .unwrap()
            .strip_prefix("chat_")
            .unwrap();
        let expected = format!("run_{stream}.{}", event["event_id"].as_u64().unwrap());
        assert_eq!(frame.id, expected, "{event}");
        assert!(is_time(event["server_timestamp"].as_str().unwrap()), "{event}");
        assert!(event["conversation_id"].is_string(), "{event}");
        if let Some(last) = &self.last {
            assert_eq!(event["stream_id"], last["stream_id"]);
            assert_eq!(event["conversation_id"], last["conversation_id"]);
            let (id, before) = (event["event_id"].as_u64(), last["event_id"].as_u64());
            assert!(id > before, "{before:?}, then {event}");
        }
        if let Some(number) = event["provider_sequence_number"].as_u64() {
            assert!(number >= self.provider_sequence, "{event}");
            self.provider_sequence = number;
        }
        for notice in event["notices"].as_array().into_iter().flatten() {
            has_exactly(notice, &["type", "path", "message"], &[]);
            assert!(
                matches!(notice["type"].as_str(), Some("redacted" | "truncated")),
                "{event}"
            );
        }
        assert!(
            event["notices"]
                .as_array()
                .is_none_or(|notices| !notices.is_empty()),
            "{event}"
        );
    }

    fn item_begins(&mut self, event: &Value) {
        assert_eq!(event["status"], "in_progress", "{event}");
        let place = event["output_index"].as_u64().unwrap();
        let before = self.items.insert(item_of(event), (place, false));
        assert_eq!(before, None, "it began before: {event}");
    }

    fn item_goes_on(&mut self, event: &Value) {
        self.is_open(event);
        let scope = &event["scope"];
        match event["kind"].as_str().unwrap() {
            "message.delta" if scope.is_null() => {
                let (_, item) = item_of(event);
                if self.writing.as_ref().is_some_and(|before| *before != item) {
                    self.text.push_str("\n\n");
                }
                self.writing = Some(item);
                self.text.push_str(event["delta"].as_str().unwrap());
            }
            "refusal.delta" if scope.is_null() => self.refusal.push_str(event["delta"].as_str().unwrap()),
            "refusal.done" if scope.is_null() && self.is_whole => {
                assert_eq!(event["refusal_text"], *self.refusal, "{event}");
            }
            "tool.status" => {
                let members = match event["tool"]["tool_type"].as_str().unwrap() {
                    "function" => FUNCTION,
                    "mcp" => MCP,
                    "agent" => AGENT,
                    other => panic!("{other} is no type of tool: {event}"),
                };
                has_exactly(&event["tool"], members, &[]);
            }
            _ => {}
        }
    }

    fn item_ends(&mut self, event: &Value) {
        self.is_open(event);
        assert!(
            matches!(event["status"].as_str(), Some("completed" | "incomplete")),
            "{event}"
        );
        let place = event["output_index"].as_u64().unwrap();
        self.items.insert(item_of(event), (place, true));
    }

    /// It began, is not done, and stands where it stood.
    fn is_open(&self, event: &Value) {
        match self.items.get(&item_of(event)) {
            Some((place, done)) => {
                assert!(!done, "it was done: {event}");
                assert_eq!(event["output_index"], *place, "{event}");
            }
            None => assert!(!self.is_whole, "it never began: {event}"),
        }
    }

    fn end(&mut self, event: &Value) {
        self.ended = true;
        let open: Vec<_> = self.items.iter().filter(|(_, (_, done))| !done).collect();
        assert!(open.is_empty(), "never done: {open:?}");
        if event["kind"] == "error" {
            has_exactly(&event["error"], ERROR, &[]);
            assert!(
                ["failed", ""].contains(&&*self.lifecycle),
                "{}, then {event}",
                self.lifecycle
            );
            return;
        }
        let end = &event["final"];
        has_exactly(end, FINAL, &[]);
        has_exactly(&end["usage"], USAGE, &[]);
        let expected: &[&str] = match end["status"].as_str().unwrap() {
            "completed" | "refused" => &["completed", ""],
            status => &[status, ""],
        };
        assert!(
            expected.contains(&&*self.lifecycle),
            "{}, then {event}",
            self.lifecycle
        );
        if self.is_whole {
            assert_eq!(
                end["response_text"], *self.text,
                "what readers saw is not the answer"
            );
            let refusal = end["refusal_text"].as_str().unwrap_or_default();
            assert_eq!(refusal, self.refusal, "what readers saw is not the refusal");
        }
    }
}

/// An item, by the call of an agent it belongs to, if any.
fn item_of(event: &Value) -> (String, String) {
    let scope = event["scope"]["tool_call_id"].as_str().unwrap_or_default();
    (scope.to_owned(), event["item_id"].as_str().unwrap().to_owned())
}

fn has_exactly(object: &Value, members: &[&str], more: &[&str]) {
    let mut expected: Vec<&str> = members.iter().chain(more).copied().collect();
    let mut found: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected, "{object}");
}

/// RFC 3339 in UTC.
fn is_time(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    let fraction = shape
        .strip_prefix("0000-00-00T00:00:00")
        .and_then(|rest| rest.strip_suffix('Z'));
    fraction.is_some_and(|fraction| {
        fraction.is_empty()
            || fraction
                .strip_prefix('.')
                .is_some_and(|rest| rest.bytes().all(|b| b == b'0'))
    })
}

/// No line of what agents are told, and nothing of how tools are described to models.
fn leaks_nothing(data: &str) {
    for line in AGENTS.iter().flat_map(|file| file.lines()) {
        // Settings have a key and are short, or are shown by the API.
        let is_told = line.len() > 40 && !line.contains(" = ");
        let start: String = line.trim_end_matches('\\').chars().take(60).collect();
        assert!(
            !is_told || !data.contains(start.trim()),
            "an instruction leaks: {data}"
        );
    }
    assert!(
        !data.contains("additionalProperties"),
        "a tool's schema leaks: {data}"
    );
}

#[cfg(test)]
mod tests {
    use super::Invariants;

    /// A whole stream of one message.
    fn stream() -> Vec<String> {
        let members = [
            r#""kind":"lifecycle","status":"in_progress","reason":null"#,
            r#""kind":"output_item.added","output_index":0,"item_id":"message_0","item_type":"message","role":"assistant","status":"in_progress""#,
            r#""kind":"message.delta","output_index":0,"item_id":"message_0","content_index":0,"delta":"Hi""#,
            r#""kind":"output_item.done","output_index":0,"item_id":"message_0","item_type":"message","role":"assistant","status":"completed""#,
            r#""kind":"lifecycle","status":"completed","reason":null"#,
            r#""kind":"final","final":{"status":"completed","response_text":"Hi","structured_output":null,"reasoning_summary_text":null,"refusal_text":null,"attachments":[],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2,"cached_input_tokens":0,"reasoning_output_tokens":0,"requests":1}}"#,
        ];
        let event = |(place, members): (usize, &str)| {
            let id = place + 1;
            format!(
                "id: run_0a.{id}\ndata: {{\"schema\":\"public_sse_v1\",\"event_id\":{id},\"stream_id\":\"chat_0a\",\
                 \"server_timestamp\":\"2026-01-01T00:00:0{id}.5Z\",\"conversation_id\":\"c\",\"response_id\":null,\
                 \"agent\":\"triage\",\"workflow\":null,\"scope\":null,\"provider_sequence_number\":{id},\
                 \"notices\":null,{members}}}"
            )
        };
        members.into_iter().enumerate().map(event).collect()
    }

    fn hold(blocks: &[String]) -> bool {
        let blocks = blocks.to_vec();
        std::panic::catch_unwind(|| Invariants::hold_over(blocks.iter().map(String::as_str))).is_ok()
    }

    #[test]
    fn a_stream_that_keeps_them_passes_also_from_its_middle() {
        assert!(hold(&stream()));
        assert!(hold(&stream()[2..]));
        let mut quiet = stream();
        quiet.insert(3, ": heartbeat 2026-01-01T00:00:00.5Z".to_owned());
        assert!(hold(&quiet));
    }

    #[test]
    fn each_of_them_can_be_broken() {
        for (place, what, with) in [
            (0, "public_sse_v1", "public_sse_v2"),
            (1, "\"event_id\":2", "\"event_id\":1"),
            (1, "id: run_0a.2", "id: run_0a.3"),
            (1, "id: run_0a.2", "id: run_0b.2"),
            (2, "chat_0a", "chat_0b"),
            (2, "\"conversation_id\":\"c\"", "\"conversation_id\":\"d\""),
            (2, "\"workflow\":null,", ""),
            (
                2,
                "\"provider_sequence_number\":3",
                "\"provider_sequence_number\":1",
            ),
            (2, "\"notices\":null", "\"notices\":[]"),
            (
                2,
                "\"notices\":null",
                "\"notices\":[{\"type\":\"gone\",\"path\":\"x\",\"message\":\"y\"}]",
            ),
            (2, "\"delta\":\"Hi\"", "\"delta\":\"Hi\",\"instructions\":\"x\""),
            (2, "\"delta\":\"Hi\"", "\"delta\":\"Ho\""),
            (
                2,
                "\"delta\":\"Hi\"",
                "\"delta\":\"You are the first to answer. Help directly with general questions: be friendly, correct\"",
            ),
            (2, "message.delta", "message.piece"),
            (2, "message_0", "message_1"),
            (2, "\"output_index\":0", "\"output_index\":1"),
            (2, "2026-01-01T", "2026-01-01 "),
            (3, "output_item.done", "output_item.added"),
            (4, "completed", "cancelled"),
            (5, "\"requests\":1", "\"requests\":1,\"model\":\"m\""),
            (
                5,
                "final\",\"final\":{\"status\":\"completed\"",
                "final\",\"final\":{\"status\":\"cancelled\"",
            ),
        ] {
            let mut broken = stream();
            assert!(broken[place].contains(what), "{what}");
            broken[place] = broken[place].replace(what, with);
            assert!(!hold(&broken), "{what} may be {with}");
        }
    }

    #[test]
    fn what_is_left_out_added_or_moved_is_seen() {
        let whole = stream();
        for place in [1, 3, 5] {
            let mut broken = whole.clone();
            broken.remove(place);
            assert!(!hold(&broken), "{place}");
        }
        for (place, block) in [
            (
                6,
                whole[5]
                    .replace("run_0a.6", "run_0a.7")
                    .replace("\"event_id\":6", "\"event_id\":7"),
            ),
            (3, ": ping".to_owned()),
            (3, ": heartbeat".to_owned()),
            (3, "data: {}".to_owned()),
            (3, "event: x\nid: 1\ndata: {}".to_owned()),
        ] {
            let mut broken = whole.clone();
            broken.insert(place, block.clone());
            assert!(!hold(&broken), "{block}");
        }
    }
}
