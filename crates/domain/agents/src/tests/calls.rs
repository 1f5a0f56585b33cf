use std::time::Duration;

use chancery_events::EventKind;

use super::{assert_whole, code_of, outline, world};
use crate::{
    ModelInput, RunEvent, ToolCallStatus, What,
    testing::{World, call, text},
};

fn statuses(log: &[RunEvent]) -> Vec<ToolCallStatus> {
    let mut statuses = Vec::new();
    for event in log {
        if let What::ToolStatus { status, .. } = event.what {
            statuses.push(status);
        }
    }
    statuses
}

/// What the model was told of its calls.
fn told(world: &World) -> Vec<String> {
    let input = world.model.asked().pop().unwrap().input;
    let mut told = Vec::new();
    for item in input {
        if let ModelInput::ToolResult { output, .. } = item {
            told.push(output);
        }
    }
    told
}

#[tokio::test]
async fn a_tool_is_called_and_the_model_told() {
    let world = world();
    world.model.turn([call("clock", r#"{"query":"now"}"#)]);
    world.model.turn([text("It is noon.")]);
    let log = world.log_of("what time is it").await;
    assert_eq!(world.tool.entered(), 1);
    assert_eq!(told(&world), ["noon"]);
    assert_eq!(
        statuses(&log),
        [ToolCallStatus::InProgress, ToolCallStatus::Completed]
    );
    assert_whole(&log);
    assert_eq!(
        outline(&log)[1..6],
        [
            "item_added in_progress",
            "tool_arguments",
            "tool_status in_progress",
            "tool_output",
            "tool_status completed"
        ]
    );
    assert_eq!(world.storage.announced().len(), 1);
}

#[tokio::test]
async fn what_a_model_may_not_call_is_refused_before_its_code_is_entered() {
    for (name, arguments) in [
        ("hammer", "{}"),
        ("nothing", "{}"),
        ("bill", "{}"),
        ("clock", "no JSON"),
        ("clock", r#"{"tenant":"another"}"#),
        ("transfer_to_nobody", "{}"),
    ] {
        let world = world();
        world.model.turn([call(name, arguments)]);
        world.model.turn([text("sorry")]);
        let log = world.log_of("do it").await;
        let entered = [&world.hammer, &world.bill, &world.tool].map(|tool| tool.entered());
        assert_eq!(entered, [0, 0, 0], "{name}");
        assert_eq!(statuses(&log).last(), Some(&ToolCallStatus::Failed), "{name}");
        assert_eq!(told(&world).len(), 1);
        let announced = world.storage.announced();
        let refused = announced
            .iter()
            .find(|event| event.kind == EventKind::ToolRefused);
        assert!(refused.is_some(), "{name} {arguments}: {announced:?}");
        assert_whole(&log);
    }
}

#[tokio::test]
async fn the_tools_of_another_agent_are_refused_after_a_hand_off() {
    let world = world();
    world.model.turn([call("transfer_to_coder", "{}")]);
    world.model.turn([call("hang", "{}")]);
    world.model.turn([text("sorry")]);
    world.log_of("code").await;
    assert_eq!(world.hang.entered(), 0);
}

#[tokio::test]
async fn a_run_that_meets_a_limit_fails_with_a_code() {
    let calls = world();
    for _ in 0..3 {
        calls.model.turn((0..7).map(|_| call("clock", "{}")));
    }
    assert_eq!(code_of(&calls.log_of("x").await), "too_many_tool_calls");
    assert_eq!(calls.tool.entered(), 20);

    let turns = world();
    for _ in 0..10 {
        turns.model.turn([call("clock", "{}")]);
    }
    assert_eq!(code_of(&turns.log_of("x").await), "too_many_model_turns");

    let handoffs = world();
    for name in ["coder", "triage", "coder", "triage", "coder", "triage"] {
        handoffs.model.turn([call(&format!("transfer_to_{name}"), "{}")]);
    }
    assert_eq!(code_of(&handoffs.log_of("x").await), "too_many_handoffs");

    let answer = world();
    answer.model.turn((0..300).map(|_| text(&"a".repeat(1024))));
    assert_eq!(code_of(&answer.log_of("x").await), "answer_too_long");
    assert_eq!(answer.storage.messages()[1].content.len(), 256 * 1024);
}

#[tokio::test]
async fn a_tool_that_does_not_answer_is_given_up_after_thirty_seconds() {
    let world = world();
    world.model.turn([call("hang", "{}")]);
    world.model.turn([text("it hangs")]);
    let started = world.start("x").await;
    world.pass(Duration::from_secs(29)).await;
    assert_eq!((world.hang.entered(), world.model.asked().len()), (1, 1));
    world.pass(Duration::from_secs(2)).await;
    let run = started.run;
    assert_eq!(started.outcome().await.unwrap().text, "it hangs");
    assert_eq!(
        statuses(&world.storage.log(run)),
        [ToolCallStatus::InProgress, ToolCallStatus::Failed]
    );
}

#[tokio::test]
async fn a_tool_that_panics_ends_its_own_run_at_once() {
    let world = world();
    world.model.turn([text("let me see"), call("panic", "{}")]);
    let log = world.log_of("x").await;
    assert_eq!(code_of(&log), "internal_error");
    assert_eq!(world.storage.messages()[1].content, "let me see");
    assert_eq!(world.fan_out.carried(), 0);
}
