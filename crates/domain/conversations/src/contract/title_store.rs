//! The MUST clauses of [`TitleStore`](crate::TitleStore).
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use chancery_ambient::Ambient;
use chancery_ids::{ConversationId, TenantId};
use futures::future::join_all;

use super::{Harness, conversation_store::key, seeding::Person};
use crate::{Conversation, Title};

async fn entitle(harness: &Harness, tenant: TenantId, conversation: ConversationId, title: &str) -> bool {
    let title = Title::parse(title).unwrap();
    let given = harness.titles.entitle(tenant, conversation, &title);
    given.await.unwrap()
}

/// A title shows, is given once, and moves the conversation in no list.
pub async fn a_title_is_given_where_there_is_none(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("a", 1, "x", "y").await;
    ada.says("b", 2, "x", "y").await;
    let before = ada.find("a").await.unwrap();
    assert!(entitle(harness, ada.tenant, before.id, "Ünder the sea").await);
    let expected = Conversation {
        display_name: Some("Ünder the sea".to_owned()),
        ..before
    };
    assert_eq!(ada.find("a").await, Some(expected.clone()));
    assert!(!entitle(harness, ada.tenant, expected.id, "Another").await);
    assert_eq!(ada.find("a").await, Some(expected));
    assert_eq!(ada.find("b").await.unwrap().display_name, None);
}

/// A name that a person gave stays.
pub async fn a_name_that_a_person_gave_stays(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("a", 1, "x", "y").await;
    let hers = Title::parse("Mine").unwrap();
    let renamed = harness
        .conversations
        .rename(ada.tenant, ada.owner, &key("a"), &hers)
        .await
        .unwrap();
    assert!(!entitle(harness, ada.tenant, renamed.unwrap().id, "A model's").await);
    assert_eq!(ada.find("a").await.unwrap().display_name.as_deref(), Some("Mine"));
}

/// A conversation of another tenant, and one that is not there, get no title.
pub async fn what_is_absent_or_another_tenants_gets_no_title(harness: &Harness) {
    let (ada, stranger) = (Person::new(harness), Person::new(harness));
    ada.says("a", 1, "x", "y").await;
    stranger.says("a", 1, "x", "y").await;
    let hers = ada.find("a").await.unwrap();
    assert!(!entitle(harness, stranger.tenant, hers.id, "Theirs").await);
    assert!(!entitle(harness, ada.tenant, Ambient::system().new_id(), "Nobody's").await);
    assert_eq!(ada.find("a").await, Some(hers));
}

/// Of several titles at once exactly one is stored.
pub async fn of_several_titles_at_once_one_is_stored(harness: &Harness) {
    let ada = Person::new(harness);
    ada.says("a", 1, "x", "y").await;
    let id = ada.find("a").await.unwrap().id;
    let titles = ["One", "Two", "Three", "Four"];
    let all = titles.map(|title| entitle(harness, ada.tenant, id, title));
    let stored = join_all(all).await;
    let stored: Vec<_> = titles
        .iter()
        .zip(stored)
        .filter(|(_, is_stored)| *is_stored)
        .collect();
    let name = ada.find("a").await.unwrap().display_name;
    assert_eq!(stored, [(&name.as_deref().unwrap(), true)]);
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields a
/// [`Harness`](crate::contract::Harness) over an implementation with nothing in it.
#[macro_export]
macro_rules! title_store_contract {
    ($fresh:expr) => {
        $crate::title_store_contract!(@tests $fresh,
            a_title_is_given_where_there_is_none, a_name_that_a_person_gave_stays,
            what_is_absent_or_another_tenants_gets_no_title, of_several_titles_at_once_one_is_stored);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let harness = $fresh.await;
            $crate::contract::title_store::$clause(&harness).await;
        }
    )*};
}
