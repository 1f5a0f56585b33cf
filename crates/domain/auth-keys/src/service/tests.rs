use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chancery_ambient::{Ambient, Fault, ManualClock, SystemEntropy, Timestamp, TokioTasks, run_on};
use chancery_jose::{Algorithm, JwkSet, VerifyingKey, jws};
use chancery_token_verify::TokenKind;
use futures::future::join_all;
use secrecy::ExposeSecret;
use serde_json::json;

use super::{KeyService, KeySettings, SET};
use crate::{KeyChangeRefused, KeySet, KeySetName, KeyState, KeyStore, Saved, contract::MemoryKeyStore};

struct Fixture {
    store: Arc<MemoryKeyStore>,
    clock: Arc<ManualClock>,
    ambient: Ambient,
}

impl Fixture {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(
            Timestamp::from_unix_seconds(1_800_000_000).unwrap(),
        ));
        let ambient = Ambient {
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
        };
        Self {
            store: Arc::default(),
            clock,
            ambient,
        }
    }

    async fn open(&self) -> KeyService {
        KeyService::open(
            self.store.clone(),
            settings(Algorithm::EdDsa),
            self.ambient.clone(),
        )
        .await
        .unwrap()
    }

    /// Lets the spare become ready.
    async fn wait_for_the_spare(&self, service: &KeyService) {
        service.tick().await.unwrap();
        self.clock.advance(Duration::from_mins(10));
    }
}

fn settings(algorithm: Algorithm) -> KeySettings {
    KeySettings {
        jwks_max_age: Duration::from_mins(5),
        longest_life: Duration::from_mins(15),
        algorithm,
    }
}

/// What an outside verifier does that knows only the document.
fn verifies(service: &KeyService, token: &str) -> bool {
    let set = JwkSet::parse(service.jwks().body()).unwrap();
    let message = jws::Unverified::parse(token).unwrap();
    let kid = message.header().kid.clone().unwrap();
    let Some(key) = set.find(kid.as_str()) else {
        return false;
    };
    assert_eq!(key.algorithm(), Some(message.header().algorithm));
    message.verify(&VerifyingKey::from(key)).is_ok()
}

fn token(service: &KeyService) -> String {
    let signed = service
        .sign(TokenKind::Access, &json!({"sub": "user:1"}))
        .unwrap();
    signed.token.expose_secret().to_owned()
}

#[tokio::test]
async fn an_empty_store_gets_a_set_with_a_spare_and_the_next_process_finds_it() {
    let f = Fixture::new();
    assert!(
        KeyService::open_existing(f.store.clone(), settings(Algorithm::EdDsa), f.ambient.clone())
            .await
            .unwrap()
            .is_none()
    );
    let (one, other) = (f.open().await, f.open().await);
    assert!(one.set().staged().is_some());
    assert_eq!(one.jwks().body(), other.jwks().body());
    assert!(verifies(&other, &token(&one)));
}

#[tokio::test]
async fn the_document_names_the_algorithm_that_tokens_carry() {
    let f = Fixture::new();
    for algorithm in [Algorithm::EdDsa, Algorithm::Ed25519] {
        let service = KeyService::open(f.store.clone(), settings(algorithm), f.ambient.clone())
            .await
            .unwrap();
        assert!(verifies(&service, &token(&service)));
    }
}

#[tokio::test]
async fn tokens_stay_good_for_their_life_over_a_promotion_and_no_longer() {
    let f = Fixture::new();
    let service = f.open().await;
    f.wait_for_the_spare(&service).await;
    let old = token(&service);
    let before = service.jwks();
    service.promote().await.unwrap();
    let new = token(&service);
    assert!(verifies(&service, &old) && verifies(&service, &new));
    assert_ne!(service.jwks().etag(), before.etag());
    assert!(service.jwks().last_modified() >= before.last_modified());
    let refused = service.promote().await.unwrap_err();
    assert!(matches!(
        refused,
        KeyChangeRefused::NotServedYet | KeyChangeRefused::TooEarly { .. }
    ));

    f.clock.advance(Duration::from_mins(21));
    service.tick().await.unwrap();
    assert!(!verifies(&service, &old) && verifies(&service, &new));
}

#[tokio::test]
async fn the_document_stays_the_same_while_the_published_keys_do() {
    let f = Fixture::new();
    let service = f.open().await;
    let before = service.jwks();
    f.clock.advance(Duration::from_hours(1));
    service.tick().await.unwrap();
    assert_eq!(service.jwks().etag(), before.etag());
    assert!(service.jwks().matches(before.etag()));
    assert!(service.jwks().matches(&format!("W/{}", before.etag())));
}

#[tokio::test]
async fn the_document_holds_no_private_member() {
    let f = Fixture::new();
    let service = f.open().await;
    f.wait_for_the_spare(&service).await;
    service.promote().await.unwrap();
    let document: serde_json::Value = serde_json::from_slice(service.jwks().body()).unwrap();
    let keys = document["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 3);
    for key in keys {
        let mut members: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);
    }
}

#[tokio::test]
async fn another_process_follows_when_its_turn_comes() {
    let f = Fixture::new();
    let (one, other) = (f.open().await, f.open().await);
    f.wait_for_the_spare(&one).await;
    one.promote().await.unwrap();
    other.tick().await.unwrap();
    assert_eq!(
        one.set().active().unwrap().kid(),
        other.set().active().unwrap().kid()
    );
}

#[tokio::test]
async fn of_32_promotions_at_once_one_is_made() {
    let f = Fixture::new();
    let opening = f.open().await;
    f.wait_for_the_spare(&opening).await;
    let services = join_all((0..32).map(|_| f.open())).await;
    let tasks = TokioTasks::current();
    let answers = join_all(
        services
            .into_iter()
            .map(|service| run_on(&*tasks, async move { service.promote().await.is_ok() })),
    )
    .await;
    assert_eq!(
        answers.into_iter().filter(|won| *won.as_ref().unwrap()).count(),
        1
    );
    let stored = f.store.load(SET).await.unwrap().unwrap();
    assert_eq!(
        stored
            .keys()
            .iter()
            .filter(|key| key.state() == KeyState::Retiring)
            .count(),
        1
    );
}

#[tokio::test]
async fn a_compromised_key_is_refused_at_once() {
    let f = Fixture::new();
    let service = f.open().await;
    let stolen = token(&service);
    let kid = service.set().active().unwrap().kid().to_string();
    service.compromise(&kid).await.unwrap();
    assert!(!verifies(&service, &stolen));
    assert!(service.ring().find(SET, &kid).is_none());
    assert!(verifies(&service, &token(&service)));
}

#[tokio::test]
async fn an_older_set_put_back_is_refused_and_the_last_good_one_stays() {
    let f = Fixture::new();
    let service = f.open().await;
    let yesterday = f.store.load(SET).await.unwrap().unwrap();
    let kid = yesterday.active().unwrap().kid().to_string();
    let today = service.compromise(&kid).await.unwrap();
    assert_eq!(
        f.store.save(today.version(), &yesterday).await.unwrap(),
        Saved::Stored
    );
    let fault = service.tick().await.unwrap_err();
    assert!(matches!(fault, Fault::Corrupt(_)));
    assert!(service.ring().find(SET, &kid).is_none());
}

/// A store that has gone away after it gave out its set.
struct Gone(KeySet);

#[async_trait]
impl KeyStore for Gone {
    async fn load(&self, _: KeySetName) -> Result<Option<KeySet>, Fault> {
        Err(Fault::unavailable("gone"))
    }

    async fn save(&self, _: u64, _: &KeySet) -> Result<Saved, Fault> {
        Err(Fault::unavailable(format!(
            "gone with version {}",
            self.0.version()
        )))
    }
}

#[tokio::test]
async fn a_store_that_is_gone_stops_neither_signing_nor_publishing() {
    let f = Fixture::new();
    let set = f.open().await.set();
    let store = Arc::new(Gone(set.clone()));
    let service = KeyService::over(store, settings(Algorithm::EdDsa), f.ambient.clone(), set).unwrap();
    assert!(service.tick().await.is_err());
    assert!(verifies(&service, &token(&service)));
}
