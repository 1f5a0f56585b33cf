//! Writes whose fate is unknown, and other things that happen to a set between us and Vault.

use std::sync::{Arc, Mutex};

use chancery_ambient::{Clock, Fault, SystemClock, Timestamp};
use chancery_auth_keys::{KeySet, KeySetName, KeyStore, Saved};
use chancery_jose::SigningKey;
use futures::join;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::VaultKeys;
use crate::{
    KeyPath,
    client::DEADLINE,
    fake::{FakeVault, Received, Reply, still, until},
};

/// A KV engine with one secret, kept as a list of texts; `None` when a version was destroyed.
type Versions = Arc<Mutex<Vec<Option<String>>>>;

fn set(seed: u8) -> KeySet {
    let key = |seed: u8| SigningKey::generate_ed25519(&[seed; 32]).unwrap();
    KeySet::first(KeySetName::Api, key(seed), key(seed + 1), Timestamp::EPOCH).unwrap()
}

fn text(set: &KeySet) -> String {
    set.to_stored().expose_secret().to_owned()
}

/// What a Vault that is well answers, and does.
fn well(versions: &Versions, request: &Received) -> Reply {
    let mut versions = versions.lock().unwrap();
    let (method, path) = request.line.split_once(' ').unwrap();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    match (method, path.split('/').nth(3).unwrap()) {
        ("GET", "data") if versions.is_empty() => Reply::Json(404, json!({ "errors": [] })),
        ("GET", "data") => {
            let number = query
                .strip_prefix("version=")
                .map_or(versions.len(), |number| number.parse().unwrap());
            let text = &versions[number - 1];
            let status = if text.is_some() { 200 } else { 404 };
            let data = text.as_ref().map(|text| json!({ "value": text }));
            Reply::Json(
                status,
                json!({ "data": { "data": data, "metadata": { "version": number } } }),
            )
        }
        ("GET", "internal") => Reply::Json(
            200,
            json!({ "data": { "type": "kv", "options": { "version": "2" } } }),
        ),
        ("GET", "metadata") => {
            let states = versions.iter().zip(1..);
            let states =
                states.map(|(text, number)| (number.to_string(), json!({ "destroyed": text.is_none() })));
            Reply::Json(
                200,
                json!({ "data": { "versions": states.collect::<serde_json::Map<_, _>>() } }),
            )
        }
        ("POST", "data") if request.body["options"]["cas"] != versions.len() => {
            let reason = "check-and-set parameter did not match the current version";
            Reply::Json(400, json!({ "errors": [reason] }))
        }
        ("POST", "data") => {
            versions.push(request.body["data"]["value"].as_str().map(str::to_owned));
            Reply::Json(200, json!({ "data": { "version": versions.len() } }))
        }
        ("POST", "destroy") => {
            for number in request.body["versions"].as_array().unwrap() {
                versions[usize::try_from(number.as_u64().unwrap()).unwrap() - 1] = None;
            }
            Reply::Json(200, Value::Null)
        }
        _ => panic!("{}", request.line),
    }
}

/// Sets in a Vault where `strange` happens instead of what should, unless it is `None`.
async fn keys(
    versions: &Versions,
    clock: Arc<dyn Clock>,
    mut strange: impl FnMut(&Received, &Versions) -> Option<Reply> + Send + 'static,
) -> (FakeVault, VaultKeys) {
    let held = versions.clone();
    let vault =
        FakeVault::start(move |request| strange(request, &held).unwrap_or_else(|| well(&held, request)))
            .await;
    let keys = VaultKeys::new(vault.client(clock), KeyPath::parse("secret/data/keys").unwrap());
    (vault, keys)
}

fn is_write(request: &Received) -> bool {
    request.line == "POST /v1/secret/data/keys/api"
}

/// How the save of a first set ends when this happens to its write.
async fn save(
    strange: impl Fn(&Received, &Versions) -> Reply + Send + 'static,
) -> (Result<Saved, Fault>, Versions) {
    let versions = Versions::default();
    let clock = Arc::new(SystemClock::default());
    let (_vault, keys) = keys(&versions, clock, move |request, held| {
        is_write(request).then(|| strange(request, held))
    })
    .await;
    (keys.save(0, &set(1)).await, versions)
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_found() {
    for lost in [
        || Reply::Closed,
        || Reply::Json(500, json!({ "errors": ["1 error occurred"] })),
        || Reply::Json(504, json!("a proxy lost patience")),
        || Reply::Json(200, json!("<html>")),
    ] {
        let (saved, versions) = save(move |request, held| {
            well(held, request);
            lost()
        })
        .await;
        assert_eq!(saved.unwrap(), Saved::Stored);
        assert_eq!(versions.lock().unwrap()[..], [Some(text(&set(1)))]);
    }
}

#[tokio::test]
async fn a_write_that_did_not_arrive_is_unknown_and_never_stored() {
    for lost in [|| Reply::Closed, || Reply::Json(500, json!({ "errors": [] }))] {
        let (saved, _) = save(move |_, _| lost()).await;
        assert!(matches!(saved, Err(Fault::TimedOut(_))), "{saved:?}");
    }
}

#[tokio::test]
async fn a_write_that_timed_out_is_looked_for() {
    let versions = Versions::default();
    let clock = still();
    let (vault, keys) = keys(&versions, clock.clone(), |request, held| {
        is_write(request).then(|| {
            well(held, request);
            Reply::Silence(b"")
        })
    })
    .await;
    let set = set(1);
    let waiting = async {
        until(|| vault.received().iter().any(is_write)).await;
        clock.advance(DEADLINE);
    };
    let (saved, ()) = join!(keys.save(0, &set), waiting);
    assert_eq!(saved.unwrap(), Saved::Stored);
}

#[tokio::test]
async fn when_somebody_else_wrote_instead_that_is_a_conflict() {
    let (saved, _) = save(|_, held| {
        held.lock().unwrap().push(Some(text(&set(7))));
        Reply::Closed
    })
    .await;
    assert_eq!(saved.unwrap(), Saved::Conflict);
}

#[tokio::test]
async fn a_lost_write_is_found_beneath_what_others_built_on_it() {
    let (saved, _) = save(|request, held| {
        well(held, request);
        held.lock().unwrap().push(Some(text(&set(7))));
        Reply::Closed
    })
    .await;
    assert_eq!(saved.unwrap(), Saved::Stored);
    // They destroyed what they built on: nobody knows whose it was.
    let (saved, _) = save(|request, held| {
        well(held, request);
        let mut versions = held.lock().unwrap();
        versions[0] = None;
        versions.push(Some(text(&set(7))));
        Reply::Closed
    })
    .await;
    assert!(matches!(saved, Err(Fault::TimedOut(_))), "{saved:?}");
}

#[tokio::test]
async fn a_refused_write_did_not_happen() {
    for (status, reason) in [
        (403, "permission denied"),
        (400, "no data provided"),
        (429, "quota"),
    ] {
        let (saved, _) = save(move |_, _| Reply::Json(status, json!({ "errors": [reason] }))).await;
        assert!(matches!(saved, Err(Fault::Unavailable(_))), "{status}: {saved:?}");
    }
}

#[tokio::test]
async fn versions_that_could_not_be_destroyed_are_destroyed_by_the_next_load() {
    let versions: Versions = Arc::new(Mutex::new(vec![Some(text(&set(1)))]));
    let mut refusals = 2;
    let (vault, keys) = keys(&versions, Arc::new(SystemClock::default()), move |request, _| {
        let refuses = request.line.starts_with("POST /v1/secret/destroy") && refusals > 0;
        refuses.then(|| {
            refusals -= 1;
            Reply::Json(403, json!({ "errors": ["permission denied"] }))
        })
    })
    .await;
    let next = set(1).served(Timestamp::EPOCH).unwrap();
    // The set is stored, and the caller is told so.
    assert_eq!(keys.save(1, &next).await.unwrap(), Saved::Stored);
    keys.load(KeySetName::Api).await.unwrap();
    assert_eq!(versions.lock().unwrap()[0], Some(text(&set(1))), "refused twice");
    keys.load(KeySetName::Api).await.unwrap();
    assert_eq!(versions.lock().unwrap()[..], [None, Some(text(&next))]);
    // Once is enough.
    let asked = vault.lines().len();
    keys.load(KeySetName::Api).await.unwrap();
    assert_eq!(vault.lines()[asked..], ["GET /v1/secret/data/keys/api"]);
}

#[tokio::test]
async fn a_version_that_is_replaced_and_destroyed_while_it_is_read_is_no_damage() {
    let versions: Versions = Arc::new(Mutex::new(vec![None]));
    let (_vault, keys) = keys(&versions, Arc::new(SystemClock::default()), |request, held| {
        let answer = well(held, request);
        let mut versions = held.lock().unwrap();
        if versions.len() == 1 {
            versions.push(Some(text(&set(1))));
        }
        Some(answer)
    })
    .await;
    let loaded = keys.load(KeySetName::Api).await.unwrap().unwrap();
    assert_eq!(loaded.version(), 1);
}

#[tokio::test]
async fn a_server_in_trouble_has_no_absent_sets() {
    for (status, body) in [
        (404, json!("not found")),
        (404, json!({ "errors": ["no handler for route"] })),
        (404, json!({ "detail": [] })),
        (200, json!({})),
        (204, json!(null)),
        (500, json!({ "errors": [] })),
        (503, json!({ "errors": ["Vault is sealed"] })),
    ] {
        let (_vault, keys) = keys(&Versions::default(), Arc::new(SystemClock::default()), {
            let body = body.clone();
            move |_, _| Some(Reply::Json(status, body.clone()))
        })
        .await;
        let loaded = keys.load(KeySetName::Api).await;
        assert!(matches!(loaded, Err(Fault::Unavailable(_))), "{status} {body}");
        assert!(keys.save(0, &set(1)).await.is_err());
    }
}
