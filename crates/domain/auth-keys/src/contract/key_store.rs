//! The MUST clauses of [`KeyStore`].
#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "contract functions are assertions"
)]

use std::{sync::Arc, time::Duration};

use chancery_ambient::{Ambient, ManualClock, SystemEntropy, TokioTasks, run_on};
use chancery_jose::SigningKey;
use futures::future::join_all;
use secrecy::ExposeSecret;

use super::{MemoryReplicas, usual_settings};
use crate::{KeyLives, KeyService, KeySet, KeySetName, KeyState, KeyStore, Saved};

/// What was never saved is absent, and no fault.
pub async fn a_set_that_was_never_saved_is_absent(store: Arc<dyn KeyStore>) {
    for name in KeySetName::ALL {
        assert!(store.load(name).await.unwrap().is_none());
    }
}

/// Every state a key can be in comes back as it was saved, private halves and all.
pub async fn a_set_comes_back_exactly_as_it_was_saved(store: Arc<dyn KeyStore>) {
    let mut saved = first(KeySetName::Api);
    assert_eq!(store.save(0, &saved).await.unwrap(), Saved::Stored);
    assert_same(&store.load(KeySetName::Api).await.unwrap().unwrap(), &saved);
    for next in life_of(&saved) {
        assert_eq!(store.save(saved.version(), &next).await.unwrap(), Saved::Stored);
        assert_same(&store.load(KeySetName::Api).await.unwrap().unwrap(), &next);
        saved = next;
    }
}

/// The two sets do not touch each other.
pub async fn each_set_is_kept_apart(store: Arc<dyn KeyStore>) {
    let (api, trust) = (first(KeySetName::Api), first(KeySetName::Trust));
    assert_eq!(store.save(0, &api).await.unwrap(), Saved::Stored);
    assert!(store.load(KeySetName::Trust).await.unwrap().is_none());
    assert_eq!(store.save(0, &trust).await.unwrap(), Saved::Stored);
    assert_same(&store.load(KeySetName::Api).await.unwrap().unwrap(), &api);
    assert_same(&store.load(KeySetName::Trust).await.unwrap().unwrap(), &trust);
}

/// A caller who decided on another version than the stored one changes nothing.
pub async fn a_save_over_another_version_changes_nothing(store: Arc<dyn KeyStore>) {
    let one = first(KeySetName::Api);
    let two = life_of(&one).remove(0);
    assert_eq!(store.save(1, &two).await.unwrap(), Saved::Conflict);
    assert!(store.load(KeySetName::Api).await.unwrap().is_none());
    assert_eq!(store.save(0, &one).await.unwrap(), Saved::Stored);
    for expected in [0, 2, 7] {
        assert_eq!(store.save(expected, &two).await.unwrap(), Saved::Conflict);
    }
    assert_same(&store.load(KeySetName::Api).await.unwrap().unwrap(), &one);
}

/// Of 32 first sets at once one is stored, and it is the winner's.
pub async fn of_32_first_sets_at_once_one_is_stored(store: Arc<dyn KeyStore>) {
    let sets = std::iter::repeat_with(|| first(KeySetName::Api)).take(32);
    assert_one_winner(store, 0, sets.collect()).await;
}

/// Of 32 changes of one version at once one is stored, and it is the winner's.
pub async fn of_32_changes_at_once_one_is_stored(store: Arc<dyn KeyStore>) {
    let set = first(KeySetName::Api);
    assert_eq!(store.save(0, &set).await.unwrap(), Saved::Stored);
    let changes = std::iter::repeat_with(|| life_of(&set).remove(0)).take(32);
    assert_one_winner(store, set.version(), changes.collect()).await;
}

/// Of 32 replicas that promote at once one does, and the key that stops signing has no private half from then on.
pub async fn of_32_promotions_at_once_one_is_made(store: Arc<dyn KeyStore>) {
    let clock = Arc::new(ManualClock::at(Ambient::system().now()));
    let ambient = Ambient {
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy),
    };
    let settings = usual_settings(KeySetName::Api);
    let open = || {
        let replicas = Arc::new(MemoryReplicas::default());
        KeyService::open(store.clone(), replicas, settings.clone(), ambient.clone())
    };
    let first = open().await.unwrap();
    let replaced = first.set().active().unwrap().kid().clone();
    clock.advance(Duration::from_mins(11));
    let tasks = TokioTasks::current();
    let services = join_all((0..32).map(|_| open())).await;
    let promotions = services.into_iter().map(|service| {
        let service = service.unwrap();
        run_on(&*tasks, async move { service.promote().await.is_ok() })
    });
    let made = join_all(promotions).await;
    assert_eq!(made.into_iter().filter(|done| *done.as_ref().unwrap()).count(), 1);
    let stored = store.load(KeySetName::Api).await.unwrap().unwrap();
    let retiring: Vec<_> = stored
        .keys()
        .iter()
        .filter(|key| key.state() == KeyState::Retiring)
        .collect();
    assert_eq!(retiring.len(), 1);
    let text = stored.to_stored();
    let document: serde_json::Value = serde_json::from_str(text.expose_secret()).unwrap();
    let entries = document.get("keys").unwrap().as_array().unwrap();
    let entry = entries
        .iter()
        .find(|entry| entry.to_string().contains(replaced.as_str()))
        .unwrap();
    assert!(
        !entry.to_string().contains("\"d\""),
        "a retiring key has a private member"
    );
}

/// While one version follows another, every reader sees one of them whole.
pub async fn readers_see_one_whole_set_while_it_changes(store: Arc<dyn KeyStore>) {
    let mut set = first(KeySetName::Api);
    assert_eq!(store.save(0, &set).await.unwrap(), Saved::Stored);
    let tasks = TokioTasks::current();
    let reading = {
        let store = store.clone();
        run_on(&*tasks, async move {
            let mut version = 0;
            while version < 6 {
                let read = store.load(KeySetName::Api).await.unwrap().unwrap();
                assert!(read.version() >= version, "an older set came back");
                version = read.version();
            }
        })
    };
    let writing = async {
        for next in life_of(&set) {
            assert_eq!(store.save(set.version(), &next).await.unwrap(), Saved::Stored);
            set = next;
        }
    };
    let (read, ()) = futures::join!(reading, writing);
    read.unwrap();
}

async fn assert_one_winner(store: Arc<dyn KeyStore>, expected: u64, sets: Vec<KeySet>) {
    let tasks = TokioTasks::current();
    let answers = join_all(sets.iter().map(|set| {
        let (store, set) = (store.clone(), set.clone());
        run_on(&*tasks, async move { store.save(expected, &set).await.unwrap() })
    }))
    .await;
    let winners: Vec<&KeySet> = sets
        .iter()
        .zip(answers)
        .filter(|(_, answer)| *answer.as_ref().unwrap() == Saved::Stored)
        .map(|(set, _)| set)
        .collect();
    assert_eq!(winners.len(), 1);
    let stored = store.load(KeySetName::Api).await.unwrap().unwrap();
    assert_same(&stored, winners.first().unwrap());
}

/// The versions after `set`, the first of all, up to 6. Each state of a key occurs.
fn life_of(set: &KeySet) -> Vec<KeySet> {
    let (fresh, now) = (|| key(set.name()), set.changed_at());
    let lives = KeyLives {
        jwks_max_age: Duration::from_mins(5),
        longest_life: Duration::from_mins(15),
        rotation_overlap: Duration::from_hours(24 * 365),
    };
    let served = set.served(now).unwrap();
    let stolen = served.active().unwrap().kid().to_string();
    let compromised = served.compromise(&stolen, fresh(), now).unwrap();
    let served_again = compromised.served(now).unwrap();
    let later = now.plus(Duration::from_hours(1));
    let promoted = served_again.promote(fresh(), &lives, later).unwrap();
    let retired = promoted
        .retire_expired(later.plus(Duration::from_hours(1)))
        .unwrap();
    vec![served, compromised, served_again, promoted, retired]
}

fn first(name: KeySetName) -> KeySet {
    KeySet::first(name, key(name), key(name), Ambient::system().now()).unwrap()
}

fn key(name: KeySetName) -> SigningKey {
    match name {
        KeySetName::Api => SigningKey::generate_ed25519(&Ambient::system().random()).unwrap(),
        KeySetName::Trust => SigningKey::generate_p256().unwrap(),
    }
}

fn assert_same(one: &KeySet, other: &KeySet) {
    // A failed comparison must not print private keys.
    assert!(
        one.to_stored().expose_secret() == other.to_stored().expose_secret(),
        "version {} came back as version {}, or with other keys",
        other.version(),
        one.version()
    );
}

/// Turns the clauses into tests. `$fresh` is an async expression that yields an `Arc` of an implementation with nothing in
/// it.
#[macro_export]
macro_rules! key_store_contract {
    ($fresh:expr) => {
        $crate::key_store_contract!(@tests $fresh,
            a_set_that_was_never_saved_is_absent, a_set_comes_back_exactly_as_it_was_saved, each_set_is_kept_apart,
            a_save_over_another_version_changes_nothing, of_32_first_sets_at_once_one_is_stored,
            of_32_changes_at_once_one_is_stored, of_32_promotions_at_once_one_is_made, readers_see_one_whole_set_while_it_changes);
    };
    (@tests $fresh:expr, $($clause:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $clause() {
            let store = $fresh.await;
            $crate::contract::key_store::$clause(store).await;
        }
    )*};
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::contract::MemoryKeyStore;

    key_store_contract!(async { Arc::new(MemoryKeyStore::default()) });
}
