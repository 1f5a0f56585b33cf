//! The MUST clauses of [`ConversationStore`](crate::ConversationStore) about what is deleted, and about listing what is to be.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::time::Duration;

use chancery_ambient::Ambient;
use chancery_events::{Event, EventKind};

use super::{
    Harness,
    conversation_store::{key, keys},
    seeding::{Person, Turn},
};
use crate::{Conversation, DeleteRefused, Message, Order, Truncation};

/// What is deleted is gone from every look-up, and its event is stored in the same change.
pub async fn a_deleted_conversation_is_gone_everywhere(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("a", 1, "walrus", "y").await;
    ada.says("b", 2, "walrus", "y").await;
    let id = ada.find("a").await.unwrap().id;
    let event = ada.deletion();
    drain(harness).await;
    assert!(ada.delete("a", std::slice::from_ref(&event)).await.unwrap());
    assert_eq!(ada.find("a").await, None);
    assert_eq!(keys(&ada.list(None, 10).await), ["b"]);
    assert!(ada.messages(id, Order::Asc, None, 10).await.items.is_empty());
    let hits = ada.search("walrus", None, 10).await;
    assert_eq!(keys(&hits.map(|hit| hit.conversation)), ["b"]);
    assert_eq!(drain(harness).await, [event]);
}

/// The key of a deleted conversation is free: the next turn begins an empty one.
pub async fn a_deleted_key_can_be_used_again(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("a", 1, "walrus", "y").await;
    let old = ada.find("a").await.unwrap().id;
    assert!(ada.delete("a", &[]).await.unwrap());
    ada.says("a", 2, "seal", "y").await;
    let new = ada.find("a").await.unwrap();
    assert_ne!(new.id, old);
    assert_eq!(new.message_count, 2);
    assert!(ada.search("walrus", None, 10).await.items.is_empty());
}

/// Deleting what is absent, or somebody else's, changes nothing and stores no event.
pub async fn deleting_what_is_absent_or_anothers_does_nothing(harness: &Harness) {
    let ada = Person::new(harness);
    let colleague = Person::of(harness, ada.tenant);
    ada.says("a", 1, "x", "y").await;
    colleague.says("own", 1, "x", "y").await;
    drain(harness).await;
    assert!(!ada.delete("b", &[ada.deletion()]).await.unwrap());
    assert!(!colleague.delete("a", &[colleague.deletion()]).await.unwrap());
    assert!(ada.find("a").await.is_some());
    assert!(drain(harness).await.is_empty());
}

/// A conversation with a live run stays, and no event is stored.
pub async fn a_conversation_with_a_live_run_is_not_deleted(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("a", 1, "x", "y").await;
    harness.seeding.begin_turn(&ada.turn("a", 2, "still", "")).await;
    drain(harness).await;
    let refused = ada.delete("a", &[ada.deletion()]).await;
    assert!(matches!(refused, Err(DeleteRefused::RunIsLive)));
    assert_eq!(ada.find("a").await.unwrap().message_count, 3);
    assert!(drain(harness).await.is_empty());
}

/// A message goes with its answer and all that follows, with their words and runs; what is left is as if it had ended there.
pub async fn a_message_goes_with_everything_after_it(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("a", 1, "hello", "hello to you").await;
    let before = ada.find("a").await.unwrap();
    let turn = Turn {
        agent: "code_assistant".to_owned(),
        ..ada.turn("a", 2, "walrus", "y")
    };
    harness.seeding.add_turn(&turn).await;
    ada.says("a", 3, "seal", "y").await;
    ada.says("b", 1, "walrus", "y").await;
    let said = ada.said("a").await;
    let cut = ada.truncation(&said[2]);
    drain(harness).await;
    assert!(ada.truncate("a", &cut).await.unwrap());
    let after = Conversation {
        active_agent: "triage".to_owned(),
        ..before
    };
    assert_eq!(ada.find("a").await, Some(after));
    assert_eq!(ada.said("a").await, said[..2]);
    for word in ["walrus", "seal"] {
        let hits = ada.search(word, None, 10).await;
        let left = if word == "walrus" { vec!["b"] } else { Vec::new() };
        assert_eq!(keys(&hits.map(|hit| hit.conversation)), left);
    }
    assert!(!ada.truncate("a", &cut).await.unwrap(), "it is gone already");
    assert_eq!(drain(harness).await, [cut.shortened]);
    ada.says("a", 4, "again", "y").await;
    let positions: Vec<_> = ada
        .said("a")
        .await
        .iter()
        .map(|message| message.position)
        .collect();
    assert_eq!(positions, [0, 1, 2, 3]);
}

/// Where nothing would be left, the conversation goes, and the event says so.
pub async fn with_its_first_message_a_conversation_goes(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("a", 1, "x", "y").await;
    ada.says("a", 2, "x", "y").await;
    let cut = ada.truncation(&ada.said("a").await[0]);
    drain(harness).await;
    assert!(ada.truncate("a", &cut).await.unwrap());
    assert_eq!(ada.find("a").await, None);
    assert_eq!(drain(harness).await, [cut.deleted]);
}

/// What an agent said goes with what it answers, never by itself.
pub async fn only_a_message_of_the_person_is_deleted(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("a", 1, "x", "y").await;
    drain(harness).await;
    let cut = ada.truncation(&ada.said("a").await[1]);
    let refused = ada.truncate("a", &cut).await;
    assert!(matches!(refused, Err(DeleteRefused::NotThePersons)));
    assert_eq!(ada.said("a").await.len(), 2);
    assert!(drain(harness).await.is_empty());
}

/// A message of somebody else's, of another conversation, or of one with a live run stays where it is.
pub async fn a_message_of_anothers_or_of_a_live_conversation_stays(harness: &Harness) {
    let ada = Person::new(harness);
    let colleague = Person::of(harness, ada.tenant);
    ada.says("a", 1, "x", "y").await;
    ada.says("b", 1, "x", "y").await;
    colleague.says("a", 1, "x", "y").await;
    drain(harness).await;
    let cut = ada.truncation(&ada.said("a").await[0]);
    assert!(!colleague.truncate("a", &cut).await.unwrap());
    assert!(!ada.truncate("b", &cut).await.unwrap());
    assert!(!ada.truncate("c", &cut).await.unwrap());
    harness.seeding.begin_turn(&ada.turn("a", 2, "still", "")).await;
    let refused = ada.truncate("a", &cut).await;
    assert!(matches!(refused, Err(DeleteRefused::RunIsLive)));
    assert_eq!(ada.said("a").await.len(), 3);
    assert_eq!(ada.said("b").await.len(), 2);
    assert!(drain(harness).await.is_empty());
}

/// Whoever lists all conversations meets each once, whatever changes or is deleted meanwhile.
pub async fn the_whole_list_holds_when_conversations_change(harness: &Harness) {
    let ada = Person::new(harness);
    let colleague = Person::of(harness, ada.tenant);
    colleague.says("e", 1, "x", "y").await;
    for name in ["c", "a", "d", "b", "f"] {
        ada.says(name, 1, "x", "y").await;
    }
    let mut met = ada.by_key(None, 2).await;
    assert_eq!(met.len(), 2);
    ada.says(&met[1], 2, "x", "y").await;
    assert!(ada.delete(&met[0], &[]).await.unwrap());
    loop {
        let piece = ada.by_key(met.last().map(String::as_str), 2).await;
        if piece.is_empty() {
            break;
        }
        met.extend(piece);
    }
    met.sort();
    assert_eq!(met, ["a", "b", "c", "d", "f"]);
}

impl Person<'_> {
    pub(super) async fn delete(&self, name: &str, events: &[Event]) -> Result<bool, DeleteRefused> {
        let store = &self.harness.conversations;
        store.delete(self.tenant, self.owner, &key(name), events).await
    }

    pub(super) fn deletion(&self) -> Event {
        self.event(EventKind::ConversationDeleted)
    }

    fn event(&self, kind: EventKind) -> Event {
        Event::new(&Ambient::system(), self.tenant, kind, "test")
    }

    fn truncation(&self, from: &Message) -> Truncation {
        Truncation {
            from: from.id,
            shortened: self.event(EventKind::ConversationTruncated),
            deleted: self.deletion(),
        }
    }

    async fn truncate(&self, name: &str, truncation: &Truncation) -> Result<bool, DeleteRefused> {
        let store = &self.harness.conversations;
        store
            .truncate(self.tenant, self.owner, &key(name), truncation)
            .await
    }

    /// All messages, oldest first.
    async fn said(&self, name: &str) -> Vec<Message> {
        let id = self.find(name).await.unwrap().id;
        self.messages(id, Order::Asc, None, 100).await.items
    }

    async fn by_key(&self, after: Option<&str>, limit: u16) -> Vec<String> {
        let (store, after) = (&self.harness.conversations, after.map(key));
        let listed = store
            .list_by_key(self.tenant, self.owner, after.as_ref(), limit)
            .await;
        listed
            .unwrap()
            .into_iter()
            .map(|found| found.key.to_string())
            .collect()
    }
}

/// Every event that waits, settled.
pub(super) async fn drain(harness: &Harness) -> Vec<Event> {
    let lease = Duration::from_mins(1);
    let events = harness
        .outbox
        .claim(Ambient::system().now(), lease, 1000)
        .await
        .unwrap();
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    harness.outbox.settle(&ids).await.unwrap();
    events
}
