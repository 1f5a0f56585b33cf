//! The MUST clauses of [`ConversationStore`](crate::ConversationStore). Those of its search are in a file of their own.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::time::Duration;

use chancery_ambient::{Ambient, Timestamp};
use chancery_events::{Event, EventKind};
use chancery_ids::{ConversationId, ConversationKey, Cursor, Limit, Page};
use serde::de::DeserializeOwned;

pub use super::conversation_store_search::*;
use super::{
    Harness,
    seeding::{Person, Turn},
};
use crate::{Conversation, DeleteRefused, ListFilter, Message, MessageStatus, Order, Role, Title};

pub(super) const ALL: ListFilter = ListFilter { agent: None };

/// A conversation is found by its key, and shows what its turns left.
pub async fn a_conversation_shows_what_its_turns_left(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("a", 1, "hello", "hello to you").await;
    ada.says("a", 2, "how are you", &"very well ".repeat(20)).await;
    let found = ada.find("a").await.unwrap();
    assert_eq!(
        (found.tenant, found.owner, found.key.as_str()),
        (ada.tenant, ada.owner, "a")
    );
    assert_eq!((found.created_at, found.updated_at), (minute(1), minute(2)));
    assert_eq!(found.message_count, 4);
    assert_eq!(
        found.last_message_preview,
        Conversation::preview_of(&"very well ".repeat(20))
    );
    assert_eq!(
        (found.agent_entrypoint.as_str(), found.active_agent.as_str()),
        ("triage", "triage")
    );
    assert_eq!(ada.find("b").await, None);
}

/// Nobody sees a conversation but its owner in its tenant: not a colleague, not another tenant, not with the same key.
pub async fn a_conversation_is_its_owners_in_its_tenant_alone(harness: &Harness) {
    let ada = Person::new(harness);
    let colleague = Person::of(harness, ada.tenant);
    let stranger = Person::new(harness);
    ada.says("same", 1, "hello from ada", "hello").await;
    colleague.says("same", 2, "hello from a colleague", "hello").await;
    stranger.says("same", 3, "hello from a stranger", "hello").await;
    let theirs = ada.find("same").await.unwrap();
    for (other, text) in [
        (&colleague, "hello from a colleague"),
        (&stranger, "hello from a stranger"),
    ] {
        let own = other.find("same").await.unwrap();
        assert_ne!(own.id, theirs.id);
        assert_eq!(other.list(None, 10).await.items, std::slice::from_ref(&own));
        assert_eq!(
            other.messages(own.id, Order::Asc, None, 10).await.items[0].content,
            text
        );
        let hits = other.search("hello", None, 10).await;
        assert_eq!(hits.items.len(), 1);
        assert_eq!(hits.items[0].conversation, own);
    }
    assert!(
        stranger
            .messages(theirs.id, Order::Asc, None, 10)
            .await
            .items
            .is_empty()
    );
}

/// The same person in another tenant is somebody else.
pub async fn a_person_of_two_tenants_has_two_sets_of_conversations(harness: &Harness) {
    let here = Person::new(harness);
    let there = Person {
        owner: here.owner,
        ..Person::new(harness)
    };
    here.says("a", 1, "hello", "hello").await;
    assert_eq!(there.find("a").await, None);
    assert!(there.list(None, 10).await.items.is_empty());
    assert!(there.search("hello", None, 10).await.items.is_empty());
    assert!(!there.delete("a", &[]).await.unwrap());
    assert!(here.find("a").await.is_some());
}

/// The conversation that changed last comes first.
pub async fn a_list_begins_with_the_newest_change(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("a", 1, "x", "y").await;
    ada.says("b", 2, "x", "y").await;
    ada.says("c", 3, "x", "y").await;
    ada.says("a", 4, "x", "y").await;
    assert_eq!(keys(&ada.list(None, 10).await), ["a", "c", "b"]);
}

/// An item is neither skipped nor repeated because others came between two pages, and a tie is broken by the id.
pub async fn list_pages_hold_when_others_are_added(harness: &Harness) {
    let ada = Person::new(harness);
    for key in ["a", "b", "c", "d", "e"] {
        ada.says(key, 5, "x", "y").await;
    }
    let mut rows = ada.list(None, 10).await.items;
    assert!(rows.is_sorted_by(|one, next| one.id > next.id));
    let first = ada.list(None, 2).await;
    assert_eq!(first.items, rows[..2]);
    ada.says("new", 6, "x", "y").await;
    let second = ada.list(first.next.as_ref(), 2).await;
    assert_eq!(second.items, rows[2..4]);
    let third = ada.list(second.next.as_ref(), 2).await;
    assert_eq!((third.items, third.next), (rows.split_off(4), None));
}

/// A filter keeps the conversations whose entry agent it names.
pub async fn a_filter_keeps_one_entry_agent(harness: &Harness) {
    let ada = Person::new(harness);
    for (key, agent) in [("a", "triage"), ("b", "code_assistant"), ("c", "triage")] {
        let turn = Turn {
            agent: agent.to_owned(),
            ..ada.turn(key, 1, "hello", "hello")
        };
        harness.seeding.add_turn(&turn).await;
    }
    let filter = ListFilter {
        agent: Some("code_assistant".to_owned()),
    };
    let (store, limit) = (&harness.conversations, Limit::LARGEST);
    let listed = store
        .list(ada.tenant, ada.owner, &filter, None, limit)
        .await
        .unwrap();
    assert_eq!(keys(&listed), ["b"]);
    let found = store
        .search(ada.tenant, ada.owner, "hello", &filter, None, limit)
        .await
        .unwrap();
    assert_eq!(keys(&found.map(|hit| hit.conversation)), ["b"]);
}

/// Messages keep what was said, by whom, in order without gaps.
pub async fn messages_keep_what_was_said_and_by_whom(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("a", 1, "naïve \"quoted\" 日本語", "line\nbreak").await;
    let id = ada.find("a").await.unwrap().id;
    let messages = ada.messages(id, Order::Asc, None, 10).await.items;
    let said: Vec<_> = messages
        .iter()
        .map(|m| (m.position, m.role, m.content.as_str(), m.status, m.created_at))
        .collect();
    let done = MessageStatus::Completed;
    assert_eq!(
        said,
        [
            (0, Role::User, "naïve \"quoted\" 日本語", done, minute(1)),
            (1, Role::Assistant, "line\nbreak", done, minute(1)),
        ]
    );
    assert_eq!(messages[1].agent.as_deref(), Some("triage"));
    assert_eq!(messages[0].run, messages[1].run);
}

/// Pages of messages run both ways, each position once.
pub async fn messages_are_paged_both_ways(harness: &Harness) {
    let ada = Person::new(harness);
    for turn in 0..4 {
        ada.says("a", turn, "x", "y").await;
    }
    let id = ada.find("a").await.unwrap().id;
    let upwards = positions(&ada, id, Order::Asc).await;
    assert_eq!(upwards, [vec![0, 1, 2], vec![3, 4, 5], vec![6, 7]]);
    let downwards = positions(&ada, id, Order::Desc).await;
    assert_eq!(downwards, [vec![7, 6, 5], vec![4, 3, 2], vec![1, 0]]);
}

/// A page of messages holds when a turn came meanwhile.
pub async fn message_pages_hold_when_a_turn_is_added(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("a", 1, "x", "y").await;
    ada.says("a", 2, "x", "y").await;
    let id = ada.find("a").await.unwrap().id;
    let first = ada.messages(id, Order::Desc, None, 2).await;
    ada.says("a", 3, "x", "y").await;
    let second = ada.messages(id, Order::Desc, first.next.as_ref(), 2).await;
    let numbers: Vec<_> = second.items.iter().map(|message| message.position).collect();
    assert_eq!((numbers, second.next), (vec![1, 0], None));
}

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

/// A title is seen wherever the conversation is, keeps it in its place, and is given by its owner alone.
pub async fn a_title_is_given_by_the_owner_and_moves_nothing(harness: &Harness) {
    let ada = Person::new(harness);
    let colleague = Person::of(harness, ada.tenant);
    ada.says("a", 1, "x", "y").await;
    ada.says("b", 2, "x", "y").await;
    let before = ada.find("a").await.unwrap();
    let title = Title::parse("Ünder the sea").unwrap();
    let store = &harness.conversations;
    let rename = async |who: &Person<'_>, name: &str| {
        store
            .rename(who.tenant, who.owner, &key(name), &title)
            .await
            .unwrap()
    };
    assert_eq!(rename(&colleague, "a").await, None);
    assert_eq!(rename(&Person::new(harness), "a").await, None);
    assert_eq!(rename(&ada, "c").await, None);
    assert_eq!(ada.find("a").await, Some(before.clone()));

    let renamed = rename(&ada, "a").await.unwrap();
    let expected = Conversation {
        display_name: Some("Ünder the sea".to_owned()),
        ..before
    };
    assert_eq!(renamed, expected);
    let listed = ada.list(None, 10).await.items;
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[1], expected);
    ada.says("a", 3, "more", "y").await;
    assert_eq!(ada.find("a").await.unwrap().display_name, expected.display_name);
}

impl Person<'_> {
    pub(super) async fn find(&self, name: &str) -> Option<Conversation> {
        let store = &self.harness.conversations;
        store.find(self.tenant, self.owner, &key(name)).await.unwrap()
    }

    pub(super) async fn list(&self, cursor: Option<&Cursor>, limit: u8) -> Page<Conversation> {
        let store = &self.harness.conversations;
        store
            .list(
                self.tenant,
                self.owner,
                &ALL,
                place(cursor),
                Limit::new(limit).unwrap(),
            )
            .await
            .unwrap()
    }

    pub(super) async fn messages(
        &self,
        id: ConversationId,
        order: Order,
        cursor: Option<&Cursor>,
        limit: u8,
    ) -> Page<Message> {
        let store = &self.harness.conversations;
        store
            .list_messages(self.tenant, id, order, place(cursor), Limit::new(limit).unwrap())
            .await
            .unwrap()
    }

    async fn delete(&self, name: &str, events: &[Event]) -> Result<bool, DeleteRefused> {
        let store = &self.harness.conversations;
        store.delete(self.tenant, self.owner, &key(name), events).await
    }

    pub(super) fn deletion(&self) -> Event {
        Event::new(
            &Ambient::system(),
            self.tenant,
            EventKind::ConversationDeleted,
            "test",
        )
    }
}

pub(super) fn key(text: &str) -> ConversationKey {
    ConversationKey::parse(text).unwrap()
}

pub(super) fn minute(number: u64) -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000)
        .unwrap()
        .plus(Duration::from_mins(number))
}

pub(super) fn place<T: DeserializeOwned>(cursor: Option<&Cursor>) -> Option<T> {
    cursor.map(|cursor| cursor.read().unwrap())
}

fn keys(page: &Page<Conversation>) -> Vec<&str> {
    page.items.iter().map(|found| found.key.as_str()).collect()
}

async fn positions(person: &Person<'_>, id: ConversationId, order: Order) -> Vec<Vec<u64>> {
    let mut pages = Vec::new();
    let mut cursor = None;
    loop {
        let page = person.messages(id, order, cursor.as_ref(), 3).await;
        pages.push(page.items.iter().map(|message| message.position).collect());
        cursor = page.next;
        if cursor.is_none() {
            return pages;
        }
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

/// Turns the clauses into tests. `$fresh` is an async expression that yields a
/// [`Harness`](crate::contract::Harness) over an implementation with nothing in it.
#[macro_export]
macro_rules! conversation_store_contract {
    ($fresh:expr) => {
        $crate::conversation_store_contract!(@tests $fresh,
            a_conversation_shows_what_its_turns_left, a_conversation_is_its_owners_in_its_tenant_alone,
            a_person_of_two_tenants_has_two_sets_of_conversations, a_list_begins_with_the_newest_change,
            list_pages_hold_when_others_are_added, a_filter_keeps_one_entry_agent,
            messages_keep_what_was_said_and_by_whom, messages_are_paged_both_ways,
            message_pages_hold_when_a_turn_is_added, a_deleted_conversation_is_gone_everywhere,
            a_deleted_key_can_be_used_again, deleting_what_is_absent_or_anothers_does_nothing,
            a_conversation_with_a_live_run_is_not_deleted,
            a_title_is_given_by_the_owner_and_moves_nothing, a_search_finds_whatever_the_letter_case,
            a_search_finds_other_forms_of_the_word, a_search_reads_answers_too,
            a_search_wants_all_its_words, a_search_takes_operators_for_words,
            a_search_of_signs_alone_finds_nothing, a_search_gives_one_hit_a_conversation,
            a_search_puts_the_best_first, search_pages_repeat_and_skip_nothing,
            search_pages_hold_when_everything_ranks_the_same);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let harness = $fresh.await;
            $crate::contract::conversation_store::$clause(&harness).await;
        }
    )*};
}
