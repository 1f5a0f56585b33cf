//! Key sets in KV version 2.

use std::time::Duration;

use chancery_ambient::{Fault, Timestamp, cause_of};
use chancery_auth_keys::{KeyLives, KeySet, KeySetName, KeyStore, Saved};
use chancery_vault::{KeyPath, VaultError, VaultKeys};
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{Place, admin, client, client_of, first, fresh_key, fresh_name, get, post, token, variable};

/// The set after a promotion, two versions up: the first key's private half is erased.
fn promoted(served: &KeySet) -> KeySet {
    let lives = KeyLives {
        jwks_max_age: Duration::from_secs(1),
        longest_life: Duration::from_secs(1),
        rotation_overlap: Duration::from_hours(24 * 365),
    };
    let later = Timestamp::EPOCH.plus(Duration::from_mins(1));
    served.promote(fresh_key(), &lives, later).unwrap()
}

mod contract {
    use std::sync::Arc;

    chancery_auth_keys::key_store_contract!(async { Arc::new(crate::Place::new().keys()) });
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_replicas_one_wins_each_round() {
    let place = Place::new();
    let mut set = first();
    for expected in 0..4 {
        let replicas: Vec<VaultKeys> = (0..32).map(|_| place.keys()).collect();
        let saves = replicas.iter().map(|replica| replica.save(expected, &set));
        let answers = futures::future::join_all(saves).await;
        let winners = answers
            .into_iter()
            .filter(|answer| matches!(answer, Ok(Saved::Stored)));
        assert_eq!(winners.count(), 1);
        let spare = set.staged().unwrap().kid().to_string();
        set = set.compromise(&spare, fresh_key(), Timestamp::EPOCH).unwrap();
    }
}

#[tokio::test]
async fn what_was_erased_is_in_no_version_any_more() {
    let place = Place::new();
    let keys = place.keys();
    let set = first();
    keys.save(0, &set).await.unwrap();
    let served = set.served(Timestamp::EPOCH).unwrap();
    keys.save(1, &served).await.unwrap();
    assert_eq!(keys.save(2, &promoted(&served)).await.unwrap(), Saved::Stored);

    let versions = get(&place.path("metadata")).await["data"]["versions"].clone();
    let destroyed = |number: &str| versions[number]["destroyed"].as_bool().unwrap();
    assert_eq!(["1", "2", "3"].map(destroyed), [true, true, false]);
    for number in [1, 2] {
        let old = get(&format!("{}?version={number}", place.path("data"))).await;
        assert!(old["data"]["data"].is_null(), "version {number}");
    }
}

#[tokio::test]
async fn what_a_killed_writer_left_is_destroyed_by_the_next_load() {
    let place = Place::new();
    let set = first();
    let served = set.served(Timestamp::EPOCH).unwrap();
    for text in [set.to_stored(), served.to_stored()] {
        post(
            &place.path("data"),
            json!({ "data": { "value": text.expose_secret() } }),
        )
        .await;
    }
    let loaded = place.keys().load(KeySetName::Api).await.unwrap().unwrap();
    assert_eq!(loaded.version(), 2);
    let versions = get(&place.path("metadata")).await["data"]["versions"].clone();
    assert_eq!(versions["1"]["destroyed"], true);
    assert_eq!(versions["2"]["destroyed"], false);
}

#[tokio::test]
async fn a_token_that_may_not_destroy_still_loads_and_saves() {
    let place = Place::new();
    let policy = format!(
        "path \"{}\" {{ capabilities = [\"create\", \"read\", \"update\"] }}",
        place.path("data")
    );
    let token = token(&policy).await;
    let keys = place.keys_with(client_of(&variable("TEST_VAULT_ADDR"), &token, None));
    let set = first();
    assert_eq!(keys.save(0, &set).await.unwrap(), Saved::Stored);
    let served = set.served(Timestamp::EPOCH).unwrap();
    assert_eq!(keys.save(1, &served).await.unwrap(), Saved::Stored);
    assert_eq!(keys.load(KeySetName::Api).await.unwrap().unwrap().version(), 2);
}

#[tokio::test]
async fn a_set_that_was_taken_away_is_damage_and_not_absence() {
    for act in ["delete", "destroy"] {
        let place = Place::new();
        let keys = place.keys();
        keys.save(0, &first()).await.unwrap();
        post(&place.path(act), json!({ "versions": [1] })).await;
        let fault = keys.load(KeySetName::Api).await.unwrap_err();
        assert!(matches!(fault, Fault::Corrupt(_)), "{act}: {fault:?}");
        assert!(cause_of(&fault).unwrap().contains("version 1 of secret/data/"));
        for expected in [0, 1] {
            let saved = keys.save(expected, &first()).await;
            assert!(matches!(saved, Err(Fault::Corrupt(_))), "{act}: {saved:?}");
        }
    }
}

#[tokio::test]
async fn damage_is_never_taken_for_absence() {
    let whole = first().to_stored().expose_secret().to_owned();
    for damaged in [
        json!({}),
        json!({ "value": null }),
        json!({ "value": { "a": 1 } }),
        json!({ "value": "" }),
        json!({ "value": whole[..whole.len() - 3] }),
        json!({ "value": whole.replace("active", "next") }),
        json!({ "values": whole }),
    ] {
        let place = Place::new();
        post(&place.path("data"), json!({ "data": damaged })).await;
        let keys = place.keys();
        let fault = keys.load(KeySetName::Api).await.unwrap_err();
        assert!(matches!(fault, Fault::Corrupt(_)), "{damaged}: {fault:?}");
        assert!(
            keys.save(0, &first()).await.is_err(),
            "damage is not written over"
        );
    }
}

#[tokio::test]
async fn a_set_from_another_store_keeps_its_number() {
    let place = Place::new();
    let keys = place.keys();
    let set = promoted(&first().served(Timestamp::EPOCH).unwrap());
    assert_eq!(keys.save(0, &set).await.unwrap(), Saved::Stored);
    assert_eq!(keys.load(KeySetName::Api).await.unwrap().unwrap().version(), 3);
    let next = set.served(Timestamp::EPOCH).unwrap();
    assert_eq!(keys.save(1, &next).await.unwrap(), Saved::Conflict);
    assert_eq!(keys.save(3, &next).await.unwrap(), Saved::Stored);
}

#[tokio::test]
async fn an_engine_that_is_not_there_has_no_absent_sets() {
    let path = KeyPath::parse(&format!("{}/data/keys", fresh_name())).unwrap();
    let keys = VaultKeys::new(client(), path);
    assert!(matches!(
        keys.check().await,
        Err(VaultError::NothingMounted { .. })
    ));
    let fault = keys.load(KeySetName::Api).await.unwrap_err();
    assert!(matches!(fault, Fault::Unavailable(_)));
    assert!(cause_of(&fault).unwrap().contains("no secrets engine"));
    assert!(keys.save(0, &first()).await.is_err());
}

#[tokio::test]
async fn an_engine_that_compares_no_versions_gets_no_key() {
    let mount = fresh_name();
    post(&format!("sys/mounts/{mount}"), json!({ "type": "kv" })).await;
    let keys = VaultKeys::new(client(), KeyPath::parse(&format!("{mount}/data/keys")).unwrap());
    let expected = VaultError::NotVersioned { mount: mount.clone() };
    assert_eq!(keys.check().await, Err(expected));
    assert!(keys.save(0, &first()).await.is_err());
    let (status, _) = admin("", Method::GET, &format!("{mount}/data/keys/api"), Value::Null).await;
    assert_eq!(status, 404, "nothing was written");
}
