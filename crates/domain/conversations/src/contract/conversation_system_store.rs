//! The MUST clauses of [`ConversationSystemStore`].
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::sync::Arc;

use chancery_ambient::Ambient;
use chancery_ids::{ConversationId, TenantId};

use super::{Harness, conversation_store::minute, conversation_store_removal::drain, seeding::Person};
use crate::ConversationSystemStore;

/// A store with nothing in it, and the views that fill and inspect it.
pub struct Scene {
    /// What is tested.
    pub old: Arc<dyn ConversationSystemStore>,
    /// The same storage.
    pub harness: Harness,
}

impl Scene {
    async fn list(&self, before: u64, limit: u16) -> Vec<(TenantId, ConversationId)> {
        self.old.list_old(minute(before), limit).await.unwrap()
    }
}

/// Those of every tenant that did not change since then are listed, the oldest first, as many as are asked for.
pub async fn old_conversations_are_listed_oldest_first(scene: &Scene) {
    let (ada, stranger) = (Person::new(&scene.harness), Person::new(&scene.harness));
    ada.says("c", 3, "x", "y").await;
    stranger.says("a", 1, "x", "y").await;
    ada.says("b", 2, "x", "y").await;
    ada.says("d", 1, "x", "y").await;
    ada.says("d", 9, "again", "y").await;
    let of = async |person: &Person<'_>, key| (person.tenant, person.find(key).await.unwrap().id);
    let oldest = of(&stranger, "a").await;
    assert_eq!(scene.list(3, 10).await, [oldest, of(&ada, "b").await]);
    assert_eq!(scene.list(3, 1).await, [oldest]);
    assert_eq!(scene.old.count_old(minute(3)).await.unwrap(), 2);
    assert_eq!(scene.old.count_old(minute(1)).await.unwrap(), 0);
}

/// An old one goes as its owner would delete it, with its event, once; nothing else goes with it.
pub async fn an_old_conversation_is_deleted_whole_with_its_event(scene: &Scene) {
    let ada = Person::new(&scene.harness);
    ada.says("a", 1, "walrus", "y").await;
    ada.says("b", 1, "walrus", "y").await;
    let id = ada.find("a").await.unwrap().id;
    let event = ada.deletion();
    drain(&scene.harness).await;
    for expected in [true, false] {
        let deleted = scene
            .old
            .delete_old(ada.tenant, id, minute(2), std::slice::from_ref(&event))
            .await;
        assert_eq!(deleted.unwrap(), expected);
    }
    assert_eq!(ada.find("a").await, None);
    assert!(
        ada.messages(id, crate::Order::Asc, None, 10)
            .await
            .items
            .is_empty()
    );
    assert_eq!(ada.search("walrus", None, 10).await.items.len(), 1);
    assert_eq!(drain(&scene.harness).await, [event]);
}

/// One that changed after it was listed, one of another tenant and one that is absent stay, and nothing is announced.
pub async fn what_is_not_old_is_not_deleted(scene: &Scene) {
    let ada = Person::new(&scene.harness);
    ada.says("a", 1, "x", "y").await;
    let id = ada.find("a").await.unwrap().id;
    assert_eq!(scene.list(2, 10).await, [(ada.tenant, id)]);
    ada.says("a", 2, "again", "y").await;
    drain(&scene.harness).await;
    let ambient = Ambient::system();
    for (tenant, conversation, before) in [
        (ada.tenant, id, 2),
        (ambient.new_id(), id, 9),
        (ada.tenant, ambient.new_id(), 9),
    ] {
        let events = [ada.deletion()];
        let deleted = scene
            .old
            .delete_old(tenant, conversation, minute(before), &events);
        assert!(!deleted.await.unwrap());
    }
    assert_eq!(ada.find("a").await.unwrap().message_count, 4);
    assert!(drain(&scene.harness).await.is_empty());
}

/// However old it is: while a run of it is live it stays, and does not stand in the way of others.
pub async fn a_conversation_with_a_live_run_is_not_old(scene: &Scene) {
    let ada = Person::new(&scene.harness);
    scene
        .harness
        .seeding
        .begin_turn(&ada.turn("live", 1, "still", ""))
        .await;
    ada.says("over", 2, "x", "y").await;
    let [live, over] = ["live", "over"].map(|key| ada.find(key));
    let (live, over) = (live.await.unwrap().id, over.await.unwrap().id);
    assert_eq!(scene.list(9, 1).await, [(ada.tenant, over)]);
    assert_eq!(scene.old.count_old(minute(9)).await.unwrap(), 1);
    drain(&scene.harness).await;
    let events = [ada.deletion()];
    let refused = scene.old.delete_old(ada.tenant, live, minute(9), &events);
    assert!(!refused.await.unwrap());
    assert!(ada.find("live").await.is_some());
    assert!(drain(&scene.harness).await.is_empty());
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields a [`Scene`] with nothing in it.
#[macro_export]
macro_rules! conversation_system_store_contract {
    ($fresh:expr) => {
        $crate::conversation_system_store_contract!(@tests $fresh,
            old_conversations_are_listed_oldest_first, an_old_conversation_is_deleted_whole_with_its_event,
            what_is_not_old_is_not_deleted, a_conversation_with_a_live_run_is_not_old);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let scene = $fresh.await;
            $crate::contract::conversation_system_store::$clause(&scene).await;
        }
    )*};
}
