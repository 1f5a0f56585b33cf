//! Frames to the letter, and the invariants of a stream as a check that other tests use.

use chancery_agents::{
    Action, Check, ErrorSource, FinalStatus, Item, ItemPlace, ItemStatus, ItemType, LifecycleStatus, Run,
    RunEvent, RunStatus, Stage, ToolCallStatus, Tripped, Usage, What,
};
use chancery_ambient::Timestamp;
use chancery_ids::{ConversationId, ConversationKey, RunId, TenantId, UserId};
use chancery_tools::ToolKind;
use serde_json::Value;
use uuid::Uuid;

use super::frame;

const RUN: u128 = 0x018f_3f66_5f0b_7cc0_8000_0000_0000_0001;

/// A running run of a conversation.
pub(in crate::sse) fn run(key: &str) -> Run {
    let uuid = Uuid::from_u128(RUN);
    Run {
        id: RunId::from_uuid(uuid),
        tenant: TenantId::from_uuid(uuid),
        owner: UserId::from_uuid(uuid),
        conversation: ConversationId::from_uuid(uuid),
        conversation_key: ConversationKey::parse(key).unwrap(),
        entry_agent: "triage".to_owned(),
        active_agent: "data_analyst".into(),
        status: RunStatus::Running,
        approval: None,
        epoch: 1,
        lease_until: Timestamp::EPOCH,
        ids_until: 0,
        cancel_requested: false,
        used: Vec::new(),
        log_forgotten: false,
        started_at: Timestamp::EPOCH,
        ended_at: None,
    }
}

/// An event of `triage` at a fixed time.
pub(in crate::sse) fn event(id: u64, what: What) -> RunEvent {
    let at = Timestamp::from_unix_micros(1_700_000_000_123_456).unwrap();
    RunEvent {
        id,
        at,
        agent: Some("triage".to_owned()),
        scope: None,
        what,
    }
}

pub(in crate::sse) fn delta(text: &str) -> What {
    What::MessageDelta {
        item: place(0),
        delta: text.to_owned(),
    }
}

pub(in crate::sse) fn finished(text: &str) -> What {
    What::Final {
        status: FinalStatus::Completed,
        response_text: text.to_owned(),
        refusal_text: None,
        usage: Usage {
            input_tokens: 3,
            output_tokens: 2,
            cached_input_tokens: 1,
            reasoning_output_tokens: 0,
            requests: 1,
        },
    }
}

fn place(output_index: u32) -> ItemPlace {
    ItemPlace {
        output_index,
        item_id: format!("item_{output_index}"),
    }
}

fn item(item_type: ItemType, status: ItemStatus) -> Item {
    Item {
        place: place(0),
        item_type,
        status,
    }
}

/// The members of an event after the envelope's.
fn members(what: What) -> (String, String) {
    let frame = String::from_utf8(frame(&run("c1"), &event(7, what)).to_vec()).unwrap();
    let head = "id: run_018f3f665f0b7cc08000000000000001.7\ndata: {\"schema\":\"public_sse_v1\",\"event_id\":7,\
                \"stream_id\":\"chat_018f3f665f0b7cc08000000000000001\",\
                \"server_timestamp\":\"2023-11-14T22:13:20.123456Z\",\"kind\":\"";
    let rest = frame.strip_prefix(head).unwrap_or_else(|| panic!("{frame}"));
    let (kind, rest) = rest.split_once('"').unwrap();
    let context = ",\"conversation_id\":\"c1\",\"response_id\":null,\"agent\":\"triage\",\"workflow\":null,\
                   \"scope\":null,\"provider_sequence_number\":null,\"notices\":";
    let rest = rest.strip_prefix(context).unwrap_or_else(|| panic!("{frame}"));
    (kind.to_owned(), rest.strip_suffix("}\n\n").unwrap().to_owned())
}

/// The rules of `public_sse_v1` that hold over a whole stream.
pub(in crate::sse) fn check_invariants(frames: &[String]) {
    let events: Vec<Value> = frames
        .iter()
        .filter(|frame| !frame.starts_with(':'))
        .map(|frame| {
            let (id, data) = frame
                .strip_suffix("\n\n")
                .unwrap()
                .split_once("\ndata: ")
                .unwrap();
            assert!(!data.contains('\n'), "{frame}");
            let event: Value = serde_json::from_str(data).unwrap();
            assert!(
                id.starts_with("id: run_") && id.ends_with(&format!(".{}", event["event_id"])),
                "{frame}"
            );
            event
        })
        .collect();
    let is_terminal = |event: &Value| event["kind"] == "final" || event["kind"] == "error";
    assert_eq!(
        events.iter().filter(|event| is_terminal(event)).count(),
        1,
        "one terminal event"
    );
    assert!(
        events.last().is_some_and(is_terminal),
        "the terminal event is last"
    );
    for pair in events.windows(2) {
        assert!(pair[0]["event_id"].as_u64().unwrap() < pair[1]["event_id"].as_u64().unwrap());
        for constant in ["schema", "stream_id", "conversation_id"] {
            assert_eq!(pair[0][constant], pair[1][constant]);
        }
    }
    let numbers: Vec<_> = events
        .iter()
        .filter_map(|event| event["provider_sequence_number"].as_u64())
        .collect();
    assert!(numbers.is_sorted());
}

#[test]
fn each_kind_is_written_to_the_letter() {
    let call = || ("call_1".to_owned(), "get_current_time".to_owned());
    let (call_id, name) = call();
    let cases = [
        (
            What::Lifecycle {
                status: LifecycleStatus::InProgress,
                reason: None,
            },
            "lifecycle",
            r#"null,"status":"in_progress","reason":null"#,
        ),
        (
            What::AgentUpdated {
                from: "triage".to_owned(),
                to: "data_analyst".to_owned(),
                index: 1,
            },
            "agent.updated",
            r#"null,"from_agent":"triage","to_agent":"data_analyst","handoff_index":1"#,
        ),
        (
            What::ItemAdded(item(ItemType::Message, ItemStatus::InProgress)),
            "output_item.added",
            r#"null,"output_index":0,"item_id":"item_0","item_type":"message","role":"assistant","status":"in_progress""#,
        ),
        (
            What::ItemDone(item(ItemType::FunctionCall, ItemStatus::Completed)),
            "output_item.done",
            r#"null,"output_index":0,"item_id":"item_0","item_type":"function_call","role":null,"status":"completed""#,
        ),
        (
            delta("Hé\n\"you\""),
            "message.delta",
            r#"null,"output_index":0,"item_id":"item_0","content_index":0,"delta":"Hé\n\"you\"""#,
        ),
        (
            What::RefusalDelta {
                item: place(1),
                delta: "No".to_owned(),
            },
            "refusal.delta",
            r#"null,"output_index":1,"item_id":"item_1","content_index":0,"delta":"No""#,
        ),
        (
            What::RefusalDone {
                item: place(1),
                text: "No.".to_owned(),
            },
            "refusal.done",
            r#"null,"output_index":1,"item_id":"item_1","refusal_text":"No.""#,
        ),
        (
            What::ToolArguments {
                item: place(0),
                call_id,
                name,
                tool: ToolKind::Function,
                arguments: r#"{"zone":"UTC"}"#.to_owned(),
            },
            "tool.arguments.done",
            r#"null,"output_index":0,"item_id":"item_0","tool_call_id":"call_1","tool_type":"function","tool_name":"get_current_time","arguments_text":"{\"zone\":\"UTC\"}","arguments_json":{"zone":"UTC"}"#,
        ),
        (
            What::ToolOutput {
                item: place(0),
                call_id: call().0,
                tool: ToolKind::Function,
                output: r#"{"token":"x"}"#.to_owned(),
            },
            "tool.output",
            r#"[{"type":"redacted","path":"output.token","message":"The value was removed because of its name."}],"output_index":0,"item_id":"item_0","tool_call_id":"call_1","tool_type":"function","output":"{\"token\":\"<redacted>\"}""#,
        ),
        (
            What::Error {
                code: "model_timeout".to_owned(),
                message: "the model did not answer in time".to_owned(),
                source: ErrorSource::Provider,
                is_retryable: true,
            },
            "error",
            r#"null,"error":{"code":"model_timeout","message":"the model did not answer in time","source":"provider","is_retryable":true}"#,
        ),
        (
            finished("Hé"),
            "final",
            r#"null,"final":{"status":"completed","response_text":"Hé","structured_output":null,"reasoning_summary_text":null,"refusal_text":null,"attachments":[],"usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5,"cached_input_tokens":1,"reasoning_output_tokens":0,"requests":1}}"#,
        ),
    ];
    for (what, kind, expected) in cases {
        assert_eq!(members(what), (kind.to_owned(), expected.to_owned()));
    }
}

#[test]
fn a_tool_is_told_by_what_it_is() {
    let cases = [
        (
            What::ToolStatus {
                item: place(0),
                call_id: "call_1".to_owned(),
                name: "get_current_time".to_owned(),
                tool: ToolKind::Function,
                status: ToolCallStatus::Failed,
            },
            "tool.status",
            r#"null,"output_index":0,"item_id":"item_0","tool":{"tool_type":"function","tool_call_id":"call_1","status":"failed","name":"get_current_time","arguments_text":null,"arguments_json":null,"output":null}"#,
        ),
        (
            What::ToolStatus {
                item: place(0),
                call_id: "call_1".to_owned(),
                name: "files_read".to_owned(),
                tool: ToolKind::Mcp {
                    server_label: "files".into(),
                },
                status: ToolCallStatus::InProgress,
            },
            "tool.status",
            r#"null,"output_index":0,"item_id":"item_0","tool":{"tool_type":"mcp","tool_call_id":"call_1","status":"in_progress","server_label":"files","tool_name":"files_read","arguments_text":null,"arguments_json":null,"output":null}"#,
        ),
        (
            What::ToolStatus {
                item: place(0),
                call_id: "call_1".to_owned(),
                name: "ask_data_analyst".to_owned(),
                tool: ToolKind::Agent {
                    agent: "data_analyst".into(),
                },
                status: ToolCallStatus::Completed,
            },
            "tool.status",
            r#"null,"output_index":0,"item_id":"item_0","tool":{"tool_type":"agent","tool_call_id":"call_1","status":"completed","name":"ask_data_analyst","agent":"data_analyst"}"#,
        ),
    ];
    for (what, kind, expected) in cases {
        assert_eq!(members(what), (kind.to_owned(), expected.to_owned()));
    }
}

#[test]
fn a_guardrail_that_trips_is_a_reason_and_a_notice_of_a_run_that_goes_on() {
    let cases = [
        (
            What::Guardrail(Tripped {
                stage: Stage::Output,
                check: Check::Pii,
                action: Action::Redact,
            }),
            "lifecycle",
            r#"[{"type":"redacted","path":"output","message":"The guardrail pii replaced a part of it."}],"status":"in_progress","reason":"guardrail_redacted""#,
        ),
        (
            What::Guardrail(Tripped {
                stage: Stage::Input,
                check: Check::Secrets,
                action: Action::Block,
            }),
            "lifecycle",
            r#"[{"type":"redacted","path":"input","message":"The guardrail secrets held it back."}],"status":"in_progress","reason":"guardrail_blocked""#,
        ),
    ];
    for (what, kind, expected) in cases {
        assert_eq!(members(what), (kind.to_owned(), expected.to_owned()));
    }
}

#[test]
fn a_frame_does_not_change_while_its_run_goes_on() {
    let later = Run {
        active_agent: "code_assistant".to_owned(),
        status: RunStatus::Completed,
        epoch: 9,
        ids_until: 99,
        ended_at: Some(Timestamp::EPOCH),
        ..run("c1")
    };
    for what in [delta("a"), finished("a")] {
        assert_eq!(
            frame(&run("c1"), &event(3, what.clone())),
            frame(&later, &event(3, what))
        );
    }
}

#[test]
fn a_stream_keeps_the_invariants() {
    let told = [delta("a"), delta("\u{2028}\r\n\0"), finished("a")];
    let frames = (1..)
        .zip(told)
        .map(|(id, what)| frame(&run("c"), &event(id, what)));
    check_invariants(
        &frames
            .map(|frame| String::from_utf8(frame.to_vec()).unwrap())
            .collect::<Vec<_>>(),
    );
}
