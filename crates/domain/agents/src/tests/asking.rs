//! One agent asks another and goes on itself.

use chancery_tools::ToolKind;

use super::{assert_whole, code_of, outline, world};
use crate::{
    Decision, ItemStatus, ModelInput, RunStatus, ToolCallStatus, What,
    testing::{Step, World, call, text},
};

fn ask(question: &str) -> Step {
    call("ask_expert", &format!(r#"{{"input":"{question}"}}"#))
}

/// What the model was shown when it was asked the `nth` time, from 0.
fn shown(world: &World, nth: usize) -> (String, Vec<ModelInput>, Vec<String>) {
    let asked = world.model.asked().remove(nth);
    let tools = asked.tools.into_iter().map(|tool| tool.name).collect();
    (asked.instructions, asked.input, tools)
}

#[tokio::test]
async fn an_agent_that_is_asked_answers_the_agent_and_not_the_person() {
    let world = world();
    world.model.turn([text("Let me ask."), ask("what is it")]);
    world.model.turn([text("a clock"), call("clock", "{}")]);
    world.model.turn([text("It is noon there.")]);
    world.model.turn([text("Noon.")]);
    let log = world.log_of("and now?").await;
    assert_whole(&log);

    let (instructions, input, tools) = shown(&world, 1);
    assert_eq!(instructions, "I am expert.");
    assert_eq!(input, [ModelInput::User("what is it".to_owned())]);
    assert_eq!(
        tools,
        ["clock", "mail", "panic"],
        "no hand-offs: who is asked answers"
    );
    let (instructions, input, tools) = shown(&world, 3);
    assert_eq!(instructions, "Help.");
    assert!(tools.contains(&"ask_expert".to_owned()));
    let answered = ModelInput::ToolResult {
        call_id: "call_ask_expert".to_owned(),
        output: "It is noon there.".to_owned(),
    };
    assert_eq!(input.last(), Some(&answered), "{input:?}");

    let What::Final { response_text, .. } = &log.last().unwrap().what else {
        panic!("it ended well");
    };
    assert_eq!(response_text, "Let me ask.\n\nNoon.");
    let scoped: Vec<_> = log
        .iter()
        .filter_map(|event| Some((event.scope.as_deref()?, event.agent.as_deref())))
        .collect();
    assert_eq!(
        scoped.len(),
        6,
        "the call of the clock, whole: {:?}",
        outline(&log)
    );
    for (scope, agent) in scoped {
        assert_eq!((scope.tool_name.as_str(), agent), ("ask_expert", Some("expert")));
    }
    let kind = ToolKind::Agent {
        agent: "expert".into(),
    };
    let of_asking = log.iter().filter(|event| {
        matches!(&event.what, What::ToolStatus { tool, .. } | What::ToolOutput { tool, .. } if *tool == kind)
    });
    assert_eq!(of_asking.count(), 3);
    assert_eq!(log.last().unwrap().agent.as_deref(), Some("triage"));
}

#[tokio::test]
async fn a_question_that_is_none_is_refused_and_an_answer_is_bounded() {
    let world = world();
    world.model.turn([
        call("ask_expert", r#"{"question":"?"}"#),
        call("ask_nobody", "{}"),
    ]);
    world.model.turn([text("sorry")]);
    let log = world.log_of("x").await;
    assert_whole(&log);
    assert_eq!(world.model.asked().len(), 2, "nobody was asked");
    let failed = log.iter().filter(
        |event| matches!(&event.what, What::ToolStatus { status, .. } if *status == ToolCallStatus::Failed),
    );
    assert_eq!(failed.count(), 2);

    let lengthy = super::world();
    lengthy.model.turn([ask("tell me all")]);
    lengthy.model.turn((0..300).map(|_| text(&"a".repeat(1024))));
    assert_eq!(code_of(&lengthy.log_of("x").await), "answer_too_long");
    assert_eq!(
        lengthy.storage.messages().len(),
        1,
        "it said nothing to the person"
    );
}

#[tokio::test]
async fn a_call_of_an_asked_agent_waits_for_the_person_and_goes_on_where_it_was() {
    let world = world();
    world.model.turn([ask("send it"), call("clock", "{}")]);
    world.model.turn([call("mail", "{}")]);
    world.model.turn([text("It is sent.")]);
    world.model.turn([text("Done.")]);
    let started = world.start("send my letter").await;
    let run = started.run;
    let waits = started.outcome().await.unwrap();
    assert_eq!(
        (waits.status, waits.agent.as_str()),
        (RunStatus::AwaitingApproval, "expert")
    );
    let other = World::over(world.storage.clone(), crate::FlushPolicy::AfterReaders);
    other.model.turn([text("It is sent.")]);
    other.model.turn([text("Done.")]);
    let decision = Decision {
        approved: true,
        reason: None,
    };
    let approval = waits.approval.unwrap();
    other
        .service
        .settle(&world.caller, approval, decision)
        .await
        .unwrap();
    other.settle().await;
    assert_eq!(other.mail.entered(), 1);
    assert_eq!(
        other.tool.entered(),
        1,
        "the first agent's second call is made too"
    );
    let (instructions, input, _) = shown(&other, 1);
    assert_eq!(instructions, "Help.");
    assert!(
        matches!(&input[2], ModelInput::ToolResult { output, .. } if output == "It is sent."),
        "{input:?}"
    );
    let log = world.storage.log(run);
    assert_whole(&log);
    assert!(
        matches!(&log.last().unwrap().what, What::Final { response_text, .. } if response_text == "Done.")
    );
}

#[tokio::test]
async fn a_run_that_ends_while_somebody_is_asked_closes_every_call() {
    let world = world();
    world.model.turn([text("I ask."), ask("hang on")]);
    world.model.turn([call("panic", "{}")]);
    let log = world.log_of("x").await;
    assert_whole(&log);
    assert_eq!(code_of(&log), "internal_error");
    assert_eq!(log.last().unwrap().agent.as_deref(), Some("triage"));
    assert_eq!(world.storage.messages()[1].content, "I ask.");
    let mut broken_off = Vec::new();
    for event in &log {
        if let What::ItemDone(item) = &event.what
            && item.status == ItemStatus::Incomplete
        {
            broken_off.push(event.scope.is_some());
        }
    }
    assert_eq!(
        broken_off,
        [true, false],
        "the call of the expert, then that of triage"
    );
}

#[tokio::test]
async fn a_guardrail_of_an_asked_agent_holds_its_answer_back_and_the_run_goes_on() {
    let held_back = "a guardrail of the agent that was asked held this back";
    let world = world();
    world
        .model
        .turn([ask("what is abracadabra"), ask("say the word")]);
    world.model.turn([text("it is abracadabra")]);
    world.model.turn([text("They will not say.")]);
    let log = world.log_of("x").await;
    assert_whole(&log);
    assert_eq!(world.model.asked().len(), 3, "the first question reached nobody");
    let (_, input, _) = shown(&world, 2);
    let told: Vec<_> = input
        .iter()
        .filter_map(|item| match item {
            ModelInput::ToolResult { output, .. } => Some(output.as_str()),
            ModelInput::User(_) | ModelInput::Assistant(_) | ModelInput::ToolCall(_) => None,
        })
        .collect();
    assert_eq!(told, [held_back, held_back]);
    let tripped = log
        .iter()
        .filter(|event| matches!(event.what, What::Guardrail(_)));
    assert_eq!(tripped.count(), 2);
    let What::Final {
        status,
        response_text,
        ..
    } = &log.last().unwrap().what
    else {
        panic!("it ended well");
    };
    assert_eq!(
        (*status, response_text.as_str()),
        (crate::FinalStatus::Completed, "They will not say.")
    );
}
