//! Against a real OpenBao. `cargo xtask interop openbao` starts two and names them in `TEST_VAULT_ADDR`,
//! `TEST_VAULT_SPARE_ADDR` (which gets sealed) and `TEST_VAULT_TOKEN`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where its ground is gone"
)]

mod keys;
mod transit;

use std::{sync::Arc, time::Duration};

use chancery_ambient::{Ambient, Fault, SystemClock, Timestamp, cause_of};
use chancery_auth_keys::{KeySet, KeySetName, KeyStore, Saved};
use chancery_jose::SigningKey;
use chancery_vault::{KeyPath, Transit, TransitKey, VaultClient, VaultError, VaultKeys, VaultSettings};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

#[expect(
    clippy::disallowed_methods,
    reason = "whoever starts the servers says where they are"
)]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask interop openbao`"))
}

fn client_of(address: &str, token: &str, namespace: Option<&str>) -> Arc<VaultClient> {
    // Another test of this process may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = VaultSettings {
        address: address.parse().unwrap(),
        token: token.into(),
        namespace: namespace.map(str::to_owned),
    };
    Arc::new(VaultClient::new(settings, Arc::new(SystemClock::default())).unwrap())
}

fn client() -> Arc<VaultClient> {
    client_of(&variable("TEST_VAULT_ADDR"), &variable("TEST_VAULT_TOKEN"), None)
}

/// What nobody has used before.
fn fresh_name() -> String {
    let random: [u8; 8] = Ambient::system().random();
    format!("t{:016x}", u64::from_be_bytes(random))
}

/// Key sets that nobody else uses, and the path of the `api` set's secret in the parts of the engine.
struct Place {
    name: String,
}

impl Place {
    fn new() -> Self {
        Self { name: fresh_name() }
    }

    fn keys(&self) -> VaultKeys {
        self.keys_with(client())
    }

    fn keys_with(&self, client: Arc<VaultClient>) -> VaultKeys {
        VaultKeys::new(
            client,
            KeyPath::parse(&format!("secret/data/{}", self.name)).unwrap(),
        )
    }

    fn path(&self, part: &str) -> String {
        format!("secret/{part}/{}/api", self.name)
    }
}

/// What an administrator does: any call, in a namespace or in none. Answers status and body.
async fn admin(namespace: &str, method: Method, path: &str, body: Value) -> (u16, Value) {
    admin_of(&variable("TEST_VAULT_ADDR"), namespace, method, path, body).await
}

async fn admin_of(address: &str, namespace: &str, method: Method, path: &str, body: Value) -> (u16, Value) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let request = Client::builder()
        .build()
        .unwrap()
        .request(method, format!("{address}/v1/{path}"))
        .header("X-Vault-Token", variable("TEST_VAULT_TOKEN"))
        .header("X-Vault-Namespace", namespace);
    let response = request.json(&body).send().await.unwrap();
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// A call of the administrator that has to succeed.
async fn post(path: &str, body: Value) -> Value {
    let (status, answer) = admin("", Method::POST, path, body).await;
    assert!(status < 300, "{path}: {status} {answer}");
    answer
}

async fn get(path: &str) -> Value {
    admin("", Method::GET, path, Value::Null).await.1
}

/// A token with one policy, beside `default`.
async fn token(policy: &str) -> String {
    let name = fresh_name();
    post(&format!("sys/policies/acl/{name}"), json!({ "policy": policy })).await;
    let made = post("auth/token/create", json!({ "policies": [name] })).await;
    made["auth"]["client_token"].as_str().unwrap().to_owned()
}

/// A new key of Transit, of that type.
async fn transit_key(kind: &str) -> TransitKey {
    static ENABLED: OnceCell<()> = OnceCell::const_new();
    ENABLED
        .get_or_init(async || {
            // An earlier run on the same server has enabled it.
            if get("sys/mounts").await["data"]["transit/"].is_null() {
                post("sys/mounts/transit", json!({ "type": "transit" })).await;
            }
        })
        .await;
    let name = fresh_name();
    post(&format!("transit/keys/{name}"), json!({ "type": kind })).await;
    TransitKey::parse(&name).unwrap()
}

fn fresh_key() -> SigningKey {
    SigningKey::generate_ed25519(&Ambient::system().random()).unwrap()
}

fn first() -> KeySet {
    KeySet::first(KeySetName::Api, fresh_key(), fresh_key(), Timestamp::EPOCH).unwrap()
}

#[tokio::test]
async fn the_rights_that_the_readme_names_are_enough() {
    let place = Place::new();
    let name = &place.name;
    let transit_key = transit_key("ed25519").await;
    let token = token(&format!(
        "path \"secret/data/{name}/*\" {{ capabilities = [\"create\", \"read\", \"update\"] }}
         path \"secret/metadata/{name}/*\" {{ capabilities = [\"read\"] }}
         path \"secret/destroy/{name}/*\" {{ capabilities = [\"update\"] }}
         path \"transit/verify/{transit_key}\" {{ capabilities = [\"update\"] }}"
    ))
    .await;
    let client = client_of(&variable("TEST_VAULT_ADDR"), &token, None);
    let lives_for = client.check().await.unwrap();
    assert!(
        lives_for.is_some_and(|ttl| ttl > Duration::from_hours(1)),
        "{lives_for:?}"
    );
    let keys = place.keys_with(client.clone());
    keys.check().await.unwrap();
    Transit::new(client).check(&transit_key).await.unwrap();

    let set = first();
    assert_eq!(keys.save(0, &set).await.unwrap(), Saved::Stored);
    let served = set.served(Timestamp::EPOCH).unwrap();
    assert_eq!(keys.save(1, &served).await.unwrap(), Saved::Stored);
    let versions = get(&place.path("metadata")).await["data"]["versions"].clone();
    assert_eq!(versions["1"]["destroyed"], true);
}

#[tokio::test]
async fn a_token_that_vault_does_not_know_is_told_so_and_not_repeated() {
    let address = variable("TEST_VAULT_ADDR");
    let stranger = client_of(&address, "s.unknown-token", None);
    let place = Place::new();
    let keys = place.keys_with(stranger.clone());
    let refused = stranger.check().await.unwrap_err();
    assert!(matches!(refused, VaultError::Forbidden { .. }), "{refused}");
    assert!(matches!(keys.check().await, Err(VaultError::Forbidden { .. })));
    let fault = keys.load(KeySetName::Api).await.unwrap_err();
    assert!(matches!(fault, Fault::Unavailable(_)));
    assert!(!format!("{fault:?} {refused:?} {refused}").contains("unknown-token"));

    // Known, and without the right.
    let other = token("path \"secret/data/elsewhere\" { capabilities = [\"read\"] }").await;
    let other = client_of(&address, &other, None);
    assert!(other.check().await.is_ok());
    assert!(matches!(
        place.keys_with(other).check().await,
        Err(VaultError::Forbidden { .. })
    ));
}

#[tokio::test]
async fn each_namespace_is_a_vault_of_its_own() {
    let namespace = fresh_name();
    post(&format!("sys/namespaces/{namespace}"), json!({})).await;
    let inside = client_of(
        &variable("TEST_VAULT_ADDR"),
        &variable("TEST_VAULT_TOKEN"),
        Some(&namespace),
    );
    let place = Place::new();
    let keys = place.keys_with(inside.clone());
    assert!(matches!(
        keys.check().await,
        Err(VaultError::NothingMounted { .. })
    ));
    let transit = Transit::new(inside.clone())
        .check(&TransitKey::parse("auth-service").unwrap())
        .await;
    assert!(matches!(transit, Err(VaultError::NothingMounted { .. })));

    let engine = json!({ "type": "kv", "options": { "version": "2" } });
    assert_eq!(
        admin(&namespace, Method::POST, "sys/mounts/secret", engine)
            .await
            .0,
        204
    );
    keys.check().await.unwrap();
    assert_eq!(keys.save(0, &first()).await.unwrap(), Saved::Stored);
    assert!(place.keys().load(KeySetName::Api).await.unwrap().is_none());
    assert!(keys.load(KeySetName::Api).await.unwrap().is_some());

    let nowhere = client_of(
        &variable("TEST_VAULT_ADDR"),
        &variable("TEST_VAULT_TOKEN"),
        Some("nowhere"),
    );
    assert!(place.keys_with(nowhere).load(KeySetName::Api).await.is_err());
}

#[tokio::test]
async fn the_check_of_a_root_token_names_no_end() {
    assert_eq!(client().check().await, Ok(None));
}

#[tokio::test]
async fn a_sealed_vault_says_so() {
    let address = variable("TEST_VAULT_SPARE_ADDR");
    let client = client_of(&address, &variable("TEST_VAULT_TOKEN"), None);
    let keys = Place::new().keys_with(client.clone());
    keys.check().await.expect("the spare OpenBao is fresh");
    admin_of(&address, "", Method::PUT, "sys/seal", Value::Null).await;

    assert_eq!(client.check().await, Err(VaultError::Sealed));
    assert_eq!(keys.check().await, Err(VaultError::Sealed));
    let key = TransitKey::parse("auth-service").unwrap();
    assert_eq!(
        Transit::new(client.clone()).check(&key).await,
        Err(VaultError::Sealed)
    );
    let fault = keys.load(KeySetName::Api).await.unwrap_err();
    assert!(matches!(fault, Fault::Unavailable(_)), "{fault:?}");
    assert!(cause_of(&fault).unwrap().contains("unseal"));
}
