//! The MUST clauses of [`ConversationStore::search`](crate::ConversationStore::search).
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use chancery_ids::{Cursor, Limit, Page};

use super::{
    Harness,
    conversation_store::{ALL, place},
    seeding::Person,
};
use crate::{Conversation, SearchHit};

/// Letter case does not matter, in the query or in the message.
pub async fn a_search_finds_whatever_the_letter_case(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("a", 1, "The Walrus SLEEPS", "y").await;
    for query in ["walrus", "WALRUS", "wAlRuS sleeps"] {
        assert_eq!(found(&ada, query).await, ["a"], "{query}");
    }
}

/// Another form of an English word is the same word.
pub async fn a_search_finds_other_forms_of_the_word(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("a", 1, "i run every morning", "y").await;
    ada.says("b", 2, "connections were refused", "y").await;
    assert_eq!(found(&ada, "running").await, ["a"]);
    assert_eq!(found(&ada, "runs mornings").await, ["a"]);
    assert_eq!(found(&ada, "connection refusing").await, ["b"]);
    assert!(found(&ada, "rune").await.is_empty());
}

/// What an agent answered is found like what the person said.
pub async fn a_search_reads_answers_too(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("a", 1, "who sleeps", "the walrus").await;
    assert_eq!(found(&ada, "walrus").await, ["a"]);
}

/// A message has to hold every word of the query.
pub async fn a_search_wants_all_its_words(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("both", 1, "the walrus eats clams", "y").await;
    ada.says("one", 2, "the walrus sleeps", "y").await;
    assert_eq!(found(&ada, "clams walrus").await, ["both"]);
    assert!(found(&ada, "walrus zebra").await.is_empty());
}

/// Any text is words: quotes, stars, signs and what other engines call operators.
pub async fn a_search_takes_operators_for_words(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("a", 1, "walk the brown dog along a column", "y").await;
    for query in [
        "\"walk",
        "\"walk dog\"",
        "walk \"\"dog",
        "walk*",
        "walk -dog",
        "-walk",
        "+walk",
        "^walk",
        "column:walk",
        "{column walk}: dog",
        "(walk",
        "walk)",
        "walk & dog",
        "walk | dog",
        "!walk",
        "walk:*",
        "walk's; DROP",
        "'walk'",
        "walk\\",
        "walk%",
    ] {
        let hits = found(&ada, query).await;
        let expected: &[&str] = if query.contains("DROP") { &[] } else { &["a"] };
        assert_eq!(hits, expected, "{query}");
    }
    // Were they operators, these would find it by one word alone, or by what it lacks.
    for query in [
        "walk OR zebra",
        "walk | zebra",
        "walk NOT zebra",
        "NEAR(walk zebra)",
        "walk || zebra",
        "wal*",
        "wal%",
    ] {
        assert!(found(&ada, query).await.is_empty(), "{query}");
    }
}

/// A query without any word is answered, with nothing.
pub async fn a_search_of_signs_alone_finds_nothing(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("a", 1, "walk the dog", "y").await;
    for query in [
        "\"", "\"\"", "*", "-", ":", "()", "%", "'", "''", "\\", "^", "&", "|", "!", "<->", "{}", "…",
    ] {
        assert!(found(&ada, query).await.is_empty(), "{query}");
    }
}

/// A conversation is one hit, shown by its best message.
pub async fn a_search_gives_one_hit_a_conversation(harness: &Harness) {
    let ada = Person::new(harness);
    let long = format!("one walrus and then {}", "many other things happened ".repeat(20));
    let best = format!("walrus walrus walrus {}", "é".repeat(200));
    ada.says("a", 1, &long, "y").await;
    ada.says("a", 2, &best, "y").await;
    ada.says("a", 3, &long, "y").await;
    let hits = ada.search("walrus", None, 10).await.items;
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].conversation, ada.find("a").await.unwrap());
    assert_eq!(hits[0].preview, Conversation::preview_of(&best));
}

/// More of the word in less text ranks higher, and hits come highest first.
pub async fn a_search_puts_the_best_first(harness: &Harness) {
    let ada = Person::new(harness);
    let long = format!("{} walrus", "many other things happened ".repeat(20));
    ada.says("best", 1, "walrus walrus walrus", "y").await;
    ada.says("worst", 2, &long, "y").await;
    ada.says("none", 3, "nothing of the kind", "y").await;
    let hits = ada.search("walrus", None, 10).await.items;
    assert_eq!(keys(&hits), ["best", "worst"]);
    assert!(hits[0].rank > hits[1].rank);
}

/// Pages of hits of differing rank are, one after another, the whole list.
pub async fn search_pages_repeat_and_skip_nothing(harness: &Harness) {
    let ada = Person::new(harness);
    for (name, count) in [
        ("a", 3),
        ("b", 1),
        ("c", 5),
        ("d", 2),
        ("e", 4),
        ("f", 1),
        ("g", 3),
    ] {
        let text = format!("{} and that is all", "walrus ".repeat(count));
        ada.says(name, 1, &text, "y").await;
    }
    pages_make_the_whole(&ada, 7).await;
}

/// The same when the rank tells none apart.
pub async fn search_pages_hold_when_everything_ranks_the_same(harness: &Harness) {
    let ada = Person::new(harness);
    for (name, minute) in [("a", 3), ("b", 1), ("c", 2), ("d", 2), ("e", 2)] {
        ada.says(name, minute, "the walrus sleeps", "y").await;
    }
    let hits = pages_make_the_whole(&ada, 5).await;
    let keys = keys(&hits);
    assert_eq!((keys[0], keys[4]), ("a", "b"));
}

/// Reads the list whole and in pages of two, which must agree, and be in order.
async fn pages_make_the_whole(person: &Person<'_>, count: usize) -> Vec<SearchHit> {
    let whole = person.search("walrus", None, 100).await;
    assert_eq!((whole.items.len(), whole.next), (count, None));
    let ordered = whole.items.is_sorted_by(|one, next| {
        (one.rank, one.conversation.updated_at) >= (next.rank, next.conversation.updated_at)
    });
    assert!(ordered);
    let mut paged = Vec::new();
    let mut cursor = None;
    loop {
        let page = person.search("walrus", cursor.as_ref(), 2).await;
        paged.extend(page.items);
        cursor = page.next;
        if cursor.is_none() || paged.len() > count {
            break;
        }
    }
    assert_eq!(keys(&paged), keys(&whole.items));
    whole.items
}

async fn found(person: &Person<'_>, query: &str) -> Vec<String> {
    let hits = person.search(query, None, 10).await.items;
    keys(&hits).into_iter().map(str::to_owned).collect()
}

fn keys(hits: &[SearchHit]) -> Vec<&str> {
    hits.iter().map(|hit| hit.conversation.key.as_str()).collect()
}

impl Person<'_> {
    pub(super) async fn search(&self, query: &str, cursor: Option<&Cursor>, limit: u8) -> Page<SearchHit> {
        let store = &self.harness.conversations;
        let limit = Limit::new(limit).unwrap();
        store
            .search(self.tenant, self.owner, query, &ALL, place(cursor), limit)
            .await
            .unwrap()
    }
}
