use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chancery_ambient::{Ambient, Fault, ManualClock, SystemEntropy, Timestamp};
use chancery_jose::{Algorithm, JwkSet, VerifyingKey, jws};
use chancery_token_verify::TokenKind;
use futures::future::join_all;
use secrecy::ExposeSecret;
use serde_json::json;

use super::{KeyService, KeySettings};
use crate::{
    KeyChangeRefused, KeySet, KeySetName, KeyState, KeyStore, PublishedKeys, Saved,
    contract::{MemoryKeyStore, MemoryReplicas, usual_settings},
};

struct Fixture {
    store: Arc<MemoryKeyStore>,
    replicas: Arc<MemoryReplicas>,
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
            replicas: Arc::default(),
            clock,
            ambient,
        }
    }

    async fn open(&self) -> KeyService {
        KeyService::open(
            self.store.clone(),
            self.replicas.clone(),
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
        algorithm,
        ..usual_settings(KeySetName::Api)
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
        KeyService::open_existing(
            f.store.clone(),
            f.replicas.clone(),
            settings(Algorithm::EdDsa),
            f.ambient.clone()
        )
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
        let service = KeyService::open(
            f.store.clone(),
            f.replicas.clone(),
            settings(algorithm),
            f.ambient.clone(),
        )
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
async fn a_compromised_key_is_refused_at_once() {
    let f = Fixture::new();
    let service = f.open().await;
    let stolen = token(&service);
    let kid = service.set().active().unwrap().kid().to_string();
    service.compromise(&kid).await.unwrap();
    assert!(!verifies(&service, &stolen));
    assert!(service.ring().find(KeySetName::Api, &kid).is_none());
    assert!(verifies(&service, &token(&service)));
}

#[tokio::test]
async fn an_older_set_put_back_is_refused_and_the_last_good_one_stays() {
    let f = Fixture::new();
    let service = f.open().await;
    let yesterday = f.store.load(KeySetName::Api).await.unwrap().unwrap();
    let kid = yesterday.active().unwrap().kid().to_string();
    let today = service.compromise(&kid).await.unwrap();
    assert_eq!(
        f.store.save(today.version(), &yesterday).await.unwrap(),
        Saved::Stored
    );
    let fault = service.tick().await.unwrap_err();
    assert!(matches!(fault, Fault::Corrupt(_)));
    assert!(service.ring().find(KeySetName::Api, &kid).is_none());
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
    let service = KeyService::over(
        store,
        f.replicas.clone(),
        settings(Algorithm::EdDsa),
        f.ambient.clone(),
        set,
    )
    .unwrap();
    assert!(service.tick().await.is_err());
    assert!(verifies(&service, &token(&service)));
}

#[tokio::test]
async fn a_replica_that_does_not_publish_the_spare_yet_is_waited_for() {
    let f = Fixture::new();
    let (one, other) = (f.open().await, f.open().await);
    f.wait_for_the_spare(&one).await;
    other.tick().await.unwrap();
    one.tick().await.unwrap();
    let spare = one.promote().await.unwrap().staged().unwrap().kid().clone();
    // The other one goes on publishing what it had, until its turn comes.
    one.tick().await.unwrap();
    f.clock.advance(Duration::from_secs(20));
    assert!(matches!(
        one.promote().await,
        Err(KeyChangeRefused::NotEverywhere(_))
    ));
    other.tick().await.unwrap();
    assert!(other.set().staged().is_some_and(|staged| *staged.kid() == spare));
    // From the last of them on verifiers have twice the document's time.
    let since = f.ambient.now();
    f.clock.advance(Duration::from_secs(599));
    one.tick().await.unwrap();
    other.tick().await.unwrap();
    let refused = one.promote().await;
    assert!(
        matches!(refused, Err(KeyChangeRefused::TooEarly { ready_at }) if ready_at == since.plus(Duration::from_mins(10))),
        "{refused:?}"
    );
    f.clock.advance(Duration::from_secs(1));
    one.promote().await.unwrap();
}

#[tokio::test]
async fn a_replica_that_has_ended_is_not_waited_for() {
    let f = Fixture::new();
    let (one, silent, leaving) = (f.open().await, f.open().await, f.open().await);
    for replica in [&one, &silent, &leaving] {
        replica.tick().await.unwrap();
    }
    one.replace_staged().await.unwrap();
    one.tick().await.unwrap();
    leaving.leave().await.unwrap();
    let refused = one.promote().await;
    assert!(
        matches!(refused, Err(KeyChangeRefused::NotEverywhere(_))),
        "{refused:?}"
    );
    f.clock.advance(Duration::from_mins(10));
    one.promote().await.unwrap();
}

#[tokio::test]
async fn a_spare_that_waited_too_long_is_replaced_before_anything_is_promoted() {
    let f = Fixture::new();
    let service = f.open().await;
    service.tick().await.unwrap();
    f.clock.advance(Duration::from_hours(25));
    assert!(matches!(service.promote().await, Err(KeyChangeRefused::TooOld)));
    let old = service.set().staged().unwrap().kid().clone();
    let set = service.replace_staged().await.unwrap();
    let old = set.keys().iter().find(|key| *key.kid() == old).unwrap();
    assert_eq!((old.state(), old.is_private()), (KeyState::Retiring, false));
    f.wait_for_the_spare(&service).await;
    service.promote().await.unwrap();
}

#[tokio::test]
async fn a_second_token_is_signed_by_a_staged_key_that_every_verifier_knows_and_for_a_while() {
    let f = Fixture::new();
    let settings = KeySettings {
        dual_signing: Some(Duration::from_hours(1)),
        ..settings(Algorithm::EdDsa)
    };
    let service = KeyService::open(f.store.clone(), f.replicas.clone(), settings, f.ambient.clone())
        .await
        .unwrap();
    let second = || {
        service
            .sign_second(TokenKind::Access, &json!({"sub": "user:1"}))
            .unwrap()
    };
    service.tick().await.unwrap();
    f.clock.advance(Duration::from_secs(599));
    assert!(second().is_none(), "a verifier may not know the key yet");
    f.clock.advance(Duration::from_secs(1));
    let signed = second().unwrap();
    assert_eq!(
        Some(&signed.kid),
        service.set().staged().map(super::super::key::Key::kid)
    );
    assert!(verifies(&service, signed.token.expose_secret()));
    f.clock.advance(Duration::from_mins(61));
    assert!(second().is_none());
    // Whoever does not want any gets none.
    let without = f.open().await;
    assert!(
        without
            .sign_second(TokenKind::Access, &json!({}))
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn thirty_two_promotions_at_once_promote_once() {
    let f = Fixture::new();
    let services = join_all((0..32).map(|_| f.open())).await;
    f.wait_for_the_spare(&services[0]).await;
    for service in &services {
        service.tick().await.unwrap();
    }
    let before = services[0].set();
    let done = join_all(services.iter().map(KeyService::promote)).await;
    assert_eq!(done.iter().filter(|one| one.is_ok()).count(), 1);
    let after = f.open().await.set();
    assert_eq!(
        after.active().map(super::super::key::Key::kid),
        before.staged().map(super::super::key::Key::kid)
    );
}

#[tokio::test]
async fn one_document_holds_the_keys_of_both_sets_and_follows_each() {
    let f = Fixture::new();
    let open = async |set| {
        let (store, replicas) = (f.store.clone(), f.replicas.clone());
        let opened = KeyService::open(store, replicas, usual_settings(set), f.ambient.clone()).await;
        Arc::new(opened.unwrap())
    };
    let (api, trust) = (open(KeySetName::Api).await, open(KeySetName::Trust).await);
    let published = PublishedKeys::new(api.clone(), trust.clone()).unwrap();
    for keys in [&api, &trust] {
        let before = published.jwks().unwrap();
        assert!(Arc::ptr_eq(&before, &published.jwks().unwrap()), "made once");
        let shown = JwkSet::parse(before.body()).unwrap();
        assert_eq!(shown.keys().len(), 4);
        let gone = keys.set().active().unwrap().kid().clone();
        assert!(shown.find(gone.as_str()).is_some());
        f.clock.advance(Duration::from_secs(5));
        keys.compromise(gone.as_str()).await.unwrap();
        let after = published.jwks().unwrap();
        assert!(!after.matches(before.etag()) && after.last_modified() > before.last_modified());
        assert_eq!(after.max_age(), Duration::from_mins(5));
        assert!(JwkSet::parse(after.body()).unwrap().find(gone.as_str()).is_none());
    }
    let refused = trust.sign(TokenKind::Access, &json!({"sub": "user:1"}));
    assert!(refused.is_err(), "each set signs its own kinds alone");
}
