use std::time::Duration;

use chancery_access::{Scopes, Subject};
use chancery_conversations::{MessageStatus, Role};
use chancery_events::EventKind;

use super::{POLICIES, assert_whole, end_of, outline, said, world};
use crate::{
    ChatRefused, FinalStatus, MemoryStrategy, ModelEvent, ModelInput, RunStatus, StartChat, What,
    testing::{Step, World, call, text},
};

#[tokio::test]
async fn a_short_turn_is_two_commits_however_many_its_pieces() {
    for flush in POLICIES {
        let world = World::new(flush);
        world.model.turn((0..500).map(|_| text("word ")));
        let log = world.log_of("hello").await;
        assert_eq!(world.commits(), 2, "{flush:?}");
        assert_whole(&log);
        assert_eq!(
            outline(&log),
            [
                "lifecycle in_progress",
                "item_added in_progress",
                "message_delta",
                "item_done completed",
                "lifecycle completed",
                "final completed"
            ]
        );
    }
}

#[tokio::test]
async fn the_answer_in_the_history_is_what_was_streamed() {
    let world = world();
    world.model.turn(["Hel", "", "lo", " there"].map(text));
    let started = world.start("hi").await;
    let run = started.run;
    let outcome = started.outcome().await.unwrap();
    assert_eq!(
        (outcome.status, outcome.text.as_str()),
        (RunStatus::Completed, "Hello there")
    );
    assert_eq!(
        (outcome.agent.as_str(), outcome.handoff_occurred),
        ("triage", false)
    );
    assert_eq!((outcome.usage.input_tokens, outcome.usage.requests), (10, 1));
    let log = world.storage.log(run);
    assert_eq!(end_of(&log), (FinalStatus::Completed, "Hello there".to_owned()));
    assert_eq!(said(&log), "Hello there");
    let history: Vec<_> = world
        .storage
        .messages()
        .into_iter()
        .map(|m| (m.role, m.content, m.status))
        .collect();
    let expected = [(Role::User, "hi"), (Role::Assistant, "Hello there")];
    assert_eq!(
        history,
        expected.map(|(role, text)| (role, text.to_owned(), MessageStatus::Completed))
    );
    let announced = world.storage.announced();
    assert_eq!(
        announced.iter().map(|event| event.kind).collect::<Vec<_>>(),
        [EventKind::RunCompleted]
    );
}

#[tokio::test]
async fn a_model_is_shown_answered_turns_alone() {
    let world = world();
    world.model.turn([text("one")]);
    world.log_of("first").await;
    world
        .model
        .broken_turn([text("half"), Step::Fail(crate::ModelError::TimedOut)]);
    world.log_of("second").await;
    world.model.turn([text("three")]);
    world.log_of("third").await;
    let shown = world.model.asked().pop().unwrap().input;
    let expected = [
        ModelInput::User("first".to_owned()),
        ModelInput::Assistant("one".to_owned()),
        ModelInput::User("third".to_owned()),
    ];
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn failed_turns_do_not_crowd_out_answered_ones() {
    let world = world();
    world.model.turn([text("one")]);
    world.log_of("first").await;
    for _ in 0..15 {
        world
            .model
            .broken_turn([text("half"), Step::Fail(crate::ModelError::TimedOut)]);
        world.log_of("again").await;
    }
    world.model.turn([text("two")]);
    world.log_of("last").await;
    assert_eq!(world.model.asked().pop().unwrap().input.len(), 3);
}

#[tokio::test]
async fn messages_before_and_after_a_call_stand_a_blank_line_apart() {
    let world = world();
    world.model.turn([text("Let me look."), call("clock", "{}")]);
    world.model.turn([text("It is noon.")]);
    let log = world.log_of("what time is it").await;
    assert_eq!(end_of(&log).1, "Let me look.\n\nIt is noon.");
    assert_eq!(world.storage.messages()[1].content, "Let me look.\n\nIt is noon.");
    assert_eq!(crate::event::answer_of(&log), "Let me look.\n\nIt is noon.");
}

#[tokio::test]
async fn an_agent_hands_off_and_the_other_goes_on_with_its_own_instructions() {
    for (agent, shown) in [("coder", 5), ("fresh", 1), ("last", 3)] {
        let world = world();
        world.model.turn([text("old answer")]);
        world.log_of("old").await;
        world.model.turn([call(&format!("transfer_to_{agent}"), "{}")]);
        world.model.turn([text("done")]);
        let started = world.start("new").await;
        let run = started.run;
        let outcome = started.outcome().await.unwrap();
        assert_eq!((outcome.agent.as_str(), outcome.handoff_occurred), (agent, true));
        let asked = world.model.asked().pop().unwrap();
        assert_eq!(
            (asked.instructions, asked.model),
            (format!("I am {agent}."), "m2".to_owned())
        );
        assert_eq!(asked.input.len(), shown, "{agent}: {:?}", asked.input);
        assert!(asked.input.contains(&ModelInput::User("new".to_owned())));
        let log = world.storage.log(run);
        let at = log
            .iter()
            .position(|event| matches!(event.what, What::AgentUpdated { .. }))
            .unwrap();
        let updated = What::AgentUpdated {
            from: "triage".to_owned(),
            to: agent.to_owned(),
            index: 1,
        };
        assert_eq!(log[at].what, updated);
        assert!(
            log[at + 1..]
                .iter()
                .all(|event| event.agent.as_deref() == Some(agent))
        );
        assert_eq!(
            world.storage.messages().pop().unwrap().agent.as_deref(),
            Some(agent)
        );
        assert_whole(&log);
    }
}

#[tokio::test]
async fn a_refusal_is_streamed_told_apart_and_kept() {
    let world = world();
    let piece = |delta: &str| Step::Say(ModelEvent::RefusalDelta(delta.to_owned()));
    world.model.turn([piece("I can"), piece("not")]);
    let log = world.log_of("do evil").await;
    let What::Final {
        status,
        response_text,
        refusal_text,
        ..
    } = &log.last().unwrap().what
    else {
        panic!()
    };
    assert_eq!((*status, response_text.as_str()), (FinalStatus::Refused, ""));
    assert_eq!(refusal_text.as_deref(), Some("I cannot"));
    assert!(
        log.iter()
            .any(|event| matches!(&event.what, What::RefusalDone { text, .. } if text == "I cannot"))
    );
    assert_eq!(world.storage.messages()[1].content, "I cannot");
}

#[tokio::test]
async fn turns_that_cannot_be_begun_leave_nothing() {
    let world = world();
    let refused = async |caller: &chancery_access::Principal, chat: StartChat| {
        world.service.start(caller, chat).await.err().unwrap()
    };
    let reader = chancery_access::Principal {
        scopes: "conversations:read".parse::<Scopes>().unwrap(),
        ..world.caller.clone()
    };
    assert!(matches!(
        refused(&reader, world.chat("x")).await,
        ChatRefused::Denied(_)
    ));
    let machine = chancery_access::Principal {
        subject: Subject::ServiceAccount("robot".to_owned()),
        ..world.caller.clone()
    };
    assert!(matches!(
        refused(&machine, world.chat("x")).await,
        ChatRefused::Denied(_)
    ));
    for text in [String::new(), "a".repeat(32 * 1024 + 1)] {
        assert!(matches!(
            refused(&world.caller, world.chat(&text)).await,
            ChatRefused::MessageSize
        ));
    }
    let unknown = StartChat {
        agent: Some("nobody".to_owned()),
        ..world.chat("x")
    };
    assert!(
        matches!(refused(&world.caller, unknown).await, ChatRefused::UnknownAgent(name) if name == "nobody")
    );
    assert_eq!(world.commits(), 0);
}

#[tokio::test]
async fn a_second_turn_of_a_conversation_learns_which_run_is_live() {
    let world = world();
    world.model.broken_turn([text("thinking"), Step::Hang]);
    let first = world.start("one").await;
    world.settle().await;
    let second = world
        .service
        .start(&world.caller, world.chat("two"))
        .await
        .err()
        .unwrap();
    assert!(matches!(second, ChatRefused::RunIsLive { run, approval: None } if run == first.run));
    let elsewhere = StartChat {
        conversation_key: None,
        ..world.chat("two")
    };
    world.model.turn([text("here")]);
    let other = world.service.start(&world.caller, elsewhere).await.unwrap();
    assert_eq!(other.outcome().await.unwrap().text, "here");
}

#[tokio::test]
async fn a_person_begins_sixty_turns_a_minute_and_streams_thirty_and_others_are_not_held_back() {
    for (streamed, most) in [(false, 60), (true, 30)] {
        let world = world();
        for number in 0..=most {
            world.model.turn([text("hi")]);
            let turn = StartChat {
                streamed,
                ..world.chat("hi")
            };
            match world.service.start(&world.caller, turn).await {
                Ok(started) => drop(started.outcome().await.unwrap()),
                Err(ChatRefused::TooOften { retry_after, .. }) => {
                    assert_eq!(number, most);
                    assert_eq!(retry_after, Duration::from_secs(60 / most));
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(world.storage.messages().len(), usize::try_from(most * 2).unwrap());
        let mut colleague = crate::testing::person();
        colleague.tenant = world.caller.tenant;
        assert!(world.service.start(&colleague, world.chat("hi")).await.is_ok());
        world.clock.advance(Duration::from_secs(60 / most));
        world.model.turn([text("hi")]);
        world.log_of("hi").await;
    }
}

#[tokio::test]
async fn an_agent_is_shown_as_much_of_the_conversation_as_its_memory_or_the_turn_says() {
    let world = world();
    for said in ["one", "two", "three"] {
        world.model.turn([text("yes")]);
        world.log_of(said).await;
    }
    let shown = async |memory: Option<MemoryStrategy>, agent: &str| {
        world.model.turn([text("yes")]);
        let turn = StartChat {
            memory,
            agent: Some(agent.to_owned()),
            ..world.chat("now")
        };
        let started = world.service.start(&world.caller, turn).await.unwrap();
        started.outcome().await.unwrap();
        world.model.asked().pop().unwrap().input.len() - 1
    };
    assert_eq!(shown(None, "triage").await, 6);
    assert_eq!(shown(Some(MemoryStrategy::None), "triage").await, 0);
    // Three messages, and no more than eight bytes: of "yes", "now", "yes" the third does not fit any more.
    assert_eq!(shown(None, "expert").await, 2);
    assert_eq!(shown(Some(MemoryStrategy::None), "expert").await, 0);
}
