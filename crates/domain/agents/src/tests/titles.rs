use std::{sync::Arc, time::Duration};

use chancery_conversations::{Conversation, ConversationStore, Title, TitleStore};
use chancery_events::{EventKind, RunUsage, Used};
use chancery_ids::ConversationKey;
use tokio::sync::Notify;

use super::world;
use crate::{
    Decision, FlushPolicy, ModelError, ModelEvent, ModelInput, RunStatus, TITLE_INSTRUCTIONS,
    testing::{Step, World, call, text},
};

async fn conversation(world: &World) -> Conversation {
    let key = ConversationKey::parse("c").unwrap();
    let (tenant, owner) = (world.caller.tenant, world.caller.require_person().unwrap());
    let found = world.storage.find(tenant, owner, &key).await;
    found.unwrap().unwrap()
}

async fn title(world: &World) -> Option<String> {
    conversation(world).await.display_name
}

async fn name(world: &World, name: &str) {
    let (conversation, name) = (conversation(world).await, Title::parse(name).unwrap());
    let named = world.storage.entitle(world.caller.tenant, conversation.id, &name);
    assert!(named.await.unwrap());
}

/// A turn, and what is done behind it.
async fn turn(world: &World, said: &str) {
    world.log_of(said).await;
    world.settle().await;
}

/// What titles have used.
fn used(world: &World) -> Vec<Used> {
    let announced = world.storage.announced();
    let asked = announced
        .iter()
        .filter(|event| event.kind == EventKind::TitleAsked);
    asked
        .flat_map(|event| RunUsage::of(event).unwrap().unwrap().used)
        .collect()
}

#[tokio::test]
async fn the_model_is_asked_once_after_the_first_turn_and_what_that_took_is_told() {
    let world = world().with_titles();
    world.model.turn([call("clock", "{}")]);
    world.model.turn([text("noon")]);
    world
        .model
        .turn([text("\"The time"), text(" of day\"\nand more")]);
    turn(&world, "when?").await;
    assert_eq!(title(&world).await.as_deref(), Some("The time of day"));
    let asked = world.model.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(
        (asked[2].model.as_str(), asked[2].instructions.as_str()),
        ("m", TITLE_INSTRUCTIONS)
    );
    assert!(asked[2].tools.is_empty());
    let shown = [
        ModelInput::User("when?".to_owned()),
        ModelInput::Assistant("noon".to_owned()),
    ];
    assert_eq!(asked[2].input[..2], shown);
    let told = used(&world);
    let told: Vec<_> = told
        .iter()
        .map(|used| (used.step, used.call, used.input_tokens))
        .collect();
    assert_eq!(told, [(3, 0, 10)], "one step behind those of the run");

    world.model.turn([text("one")]);
    turn(&world, "and then?").await;
    assert_eq!(world.model.asked().len(), 4);
}

#[tokio::test]
async fn a_name_that_the_person_gives_before_or_meanwhile_stays() {
    for meanwhile in [false, true] {
        let world = world().with_titles();
        let go_on = Arc::new(Notify::new());
        let waits = || Step::Wait(go_on.clone());
        if meanwhile {
            world.model.turn([text("noon")]);
            world.model.turn([waits(), text("The model's")]);
            turn(&world, "when?").await;
            name(&world, "Mine").await;
        } else {
            world.model.turn([waits(), text("noon")]);
            let started = world.start("when?").await;
            name(&world, "Mine").await;
            go_on.notify_one();
            started.outcome().await.unwrap();
        }
        go_on.notify_one();
        world.settle().await;
        assert_eq!(title(&world).await.as_deref(), Some("Mine"));
        assert_eq!(world.model.asked().len(), 1 + usize::from(meanwhile));
        assert_eq!(used(&world).len(), usize::from(meanwhile));
    }
}

#[tokio::test]
async fn a_title_that_fails_is_tried_again_until_the_third_turn() {
    let world = world().with_titles();
    let refusal = Step::Say(ModelEvent::RefusalDelta("no".to_owned()));
    let endless = (0..5).map(|_| text(&"on and on ".repeat(100)));
    for steps in [
        vec![text("half"), Step::Fail(ModelError::TimedOut)],
        endless.collect(),
        vec![text("half"), Step::Hang],
    ] {
        world.model.turn([text("noon")]);
        world.model.broken_turn(steps);
        turn(&world, "when?").await;
        world.pass(Duration::from_secs(11)).await;
        assert_eq!(title(&world).await, None);
    }
    world.model.turn([text("noon")]);
    turn(&world, "when?").await;
    assert_eq!(world.model.asked().len(), 7);
    // Each was a turn of the model, whose tokens nobody told.
    let told = used(&world);
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|used| (used.step, used.output_tokens) == (2, 0)));

    let other = World::new(FlushPolicy::AfterReaders).with_titles();
    other.model.turn([text("noon")]);
    other.model.turn([text("Half a"), refusal]);
    turn(&other, "when?").await;
    assert_eq!(title(&other).await, None);
    other.model.turn([text("noon")]);
    other.model.turn([text("The time")]);
    turn(&other, "when?").await;
    assert_eq!(title(&other).await.as_deref(), Some("The time"));
}

#[tokio::test]
async fn guardrails_see_to_titles_as_to_answers() {
    const RULES: &str = "[guardrails]\ninput = [\"pii:redact\"]\noutput = [\"blocked_words\", \"pii:redact\"]\n\
                         [guardrails.blocked_words]\nwords = [\"moonshot\"]\n";
    for (said, stored, check) in [
        ("Project moonshot", None, "blocked_words"),
        ("Mail to ada@example.org", Some("Mail to [redacted: pii]"), "pii"),
    ] {
        let world = World::guarded(FlushPolicy::BeforeReaders, RULES, "").with_titles();
        world.model.turn([text("noon")]);
        world.model.turn([text(said)]);
        turn(&world, "I am bob@example.org").await;
        assert_eq!(title(&world).await.as_deref(), stored);
        let heard = ModelInput::User("I am [redacted: pii]".to_owned());
        assert_eq!(world.model.asked()[1].input[0], heard);
        let announced = world.storage.announced();
        let tripped = announced.iter().filter(|event| {
            event.kind == EventKind::GuardrailTripped
                && event.payload["stage"] == "output"
                && event.payload["check"] == check
        });
        assert_eq!(tripped.count(), 1);
    }
}

#[tokio::test]
async fn without_an_answer_or_without_the_setting_the_model_is_not_asked() {
    let off = world();
    off.model.turn([text("noon")]);
    turn(&off, "when?").await;
    assert_eq!((title(&off).await, off.model.asked().len()), (None, 1));

    let world = world().with_titles();
    let refusal = Step::Say(ModelEvent::RefusalDelta("no".to_owned()));
    world.model.broken_turn([text("half")]);
    world.model.turn([refusal]);
    turn(&world, "when?").await;
    turn(&world, "when?").await;
    assert_eq!((title(&world).await, world.model.asked().len()), (None, 2));
}

#[tokio::test]
async fn a_run_that_waited_gets_its_title_once_it_has_answered() {
    let world = world().with_titles();
    world.model.turn([call("mail", "{}")]);
    let waiting = world.start("mail the time").await.outcome().await.unwrap();
    world.settle().await;
    assert_eq!(waiting.status, RunStatus::AwaitingApproval);
    assert_eq!((title(&world).await, world.model.asked().len()), (None, 1));

    world.model.turn([text("Done.")]);
    world.model.turn([text("Mailing the time")]);
    let decision = Decision {
        approved: true,
        reason: None,
    };
    let approval = waiting.approval.unwrap();
    let settled = world.service.settle(&world.caller, approval, decision).await;
    settled.unwrap();
    world.pass(Duration::from_secs(1)).await;
    assert_eq!(title(&world).await.as_deref(), Some("Mailing the time"));
    assert_eq!(used(&world)[0].step, 3);
}
