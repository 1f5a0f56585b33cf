//! Tokens of service accounts on requests that a real OpenBao signed. `cargo xtask interop openbao` starts it and names it in
//! `TEST_VAULT_ADDR` and `TEST_VAULT_TOKEN`.
#![cfg(test)]

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use system_tests::{SendForm, Server, Settings, TestRedis, client};

/// The account under test, and the key of Transit that signs for it.
const ACCOUNT: &str = "billing-worker";
const KEY: &str = "auth-service";

#[expect(
    clippy::disallowed_methods,
    reason = "the OpenBao under test is named by whoever runs these tests"
)]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask interop openbao`"))
}

/// A call of Vault's administrator.
async fn vault(path: &str, body: Value) -> Value {
    let answer = client()
        .post(format!("{}/v1/{path}", variable("TEST_VAULT_ADDR")))
        .header("x-vault-token", variable("TEST_VAULT_TOKEN"))
        .json(&body)
        .send()
        .await
        .unwrap();
    answer.json().await.unwrap_or_default()
}

/// Transit, with the keys of the catalogue. Others may have made them before.
async fn with_keys() {
    vault("sys/mounts/transit", json!({"type": "transit"})).await;
    for key in [KEY, "support-console"] {
        vault(&format!("transit/keys/{key}"), json!({"type": "ed25519"})).await;
    }
}

/// What a job's own program does: says what it wants, has it signed, and sends both.
struct Job {
    tenant: Value,
    payload: Vec<u8>,
    signature: String,
}

impl Job {
    /// A request of now, by a clock that many seconds ahead.
    async fn prepare(tenant: &Value, nonce: &str, ahead: i64) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a job has its own clock")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let now = i64::try_from(now).unwrap() + ahead;
        let payload = json!({
            "iss": "vault-transit", "aud": ["auth-service"], "sub": "service-account-cli", "account": ACCOUNT,
            "tenant_id": tenant, "scopes": ["billing:read"], "nonce": nonce, "iat": now, "exp": now + 300,
        });
        let payload = payload.to_string().into_bytes();
        let signed = vault(
            &format!("transit/sign/{KEY}"),
            json!({"input": STANDARD.encode(&payload)}),
        )
        .await;
        Self {
            tenant: tenant.clone(),
            payload,
            signature: signed["data"]["signature"].as_str().unwrap().to_owned(),
        }
    }

    async fn send(&self, server: &Server) -> (StatusCode, Value) {
        self.send_signed(server, &self.signature).await
    }

    async fn send_signed(&self, server: &Server, signature: &str) -> (StatusCode, Value) {
        let answer = client()
            .post(format!("{}/api/v1/auth/service-accounts/issue", server.url))
            .header("authorization", format!("Bearer vault:{signature}"))
            .header("x-vault-payload", URL_SAFE_NO_PAD.encode(&self.payload))
            .json(&json!({"account": ACCOUNT, "scopes": ["billing:read"], "tenant_id": self.tenant}))
            .send()
            .await
            .unwrap();
        (answer.status(), answer.json().await.unwrap())
    }
}

fn with_vault(settings: Settings) -> Settings {
    settings
        .with("VAULT_ADDR", variable("TEST_VAULT_ADDR"))
        .with("VAULT_TOKEN", variable("TEST_VAULT_TOKEN"))
        .with("SERVICE_ACCOUNT_ISSUE_PER_MINUTE", "1000")
        .with("SERVICE_ACCOUNT_ISSUE_TOTAL_PER_MINUTE", "1000")
}

async fn tenant_of(server: &Server) -> Value {
    let me = server.log_in().await.get("/api/v1/auth/me").await;
    me["data"]["tenant_id"].clone()
}

#[tokio::test]
async fn a_signed_request_gets_a_token_and_each_way_of_writing_the_signature_counts() {
    with_keys().await;
    let server = with_vault(Settings::sqlite()).start().await;
    let tenant = tenant_of(&server).await;
    let mut tokens = Vec::new();
    for (place, spelled) in [("whole", ""), ("versioned", "vault:"), ("bare", "vault:v1:")] {
        let job = Job::prepare(&tenant, place, 0).await;
        let signature = job.signature.strip_prefix(spelled).unwrap();
        let (status, issued) = job.send_signed(&server, signature).await;
        assert_eq!(status, StatusCode::CREATED, "{place}: {issued}");
        assert_eq!(
            (&issued["account"], &issued["token_use"]),
            (&json!(ACCOUNT), &json!("refresh"))
        );
        tokens.push(issued["refresh_token"].clone());
    }
    // Each was a request of its own, and got the one token.
    assert!(tokens.windows(2).all(|pair| pair[0] == pair[1]));
    let exchanged = client()
        .post(format!("{}/oauth/token", server.url))
        .form(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens[0].as_str().unwrap()),
        ])
        .send()
        .await
        .unwrap();
    assert_eq!(exchanged.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_request_that_was_not_signed_or_was_changed_gets_nothing() {
    with_keys().await;
    let server = with_vault(Settings::sqlite()).start().await;
    let tenant = tenant_of(&server).await;
    let job = Job::prepare(&tenant, "changed", 0).await;
    let other = Job::prepare(&tenant, "other", 0).await;
    for signature in [other.signature.as_str(), "vault:v1:AAAA", "nonsense", ""] {
        let (status, refused) = job.send_signed(&server, signature).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{signature}: {refused}");
    }
    // Nothing of that has used its nonce up.
    assert_eq!(job.send(&server).await.0, StatusCode::CREATED);
}

/// Security.md 5: replay at 1, 299 and 301 s, on the other replica too, and whatever happens to Redis.
#[tokio::test]
async fn a_request_is_good_once_at_1_at_299_and_at_301_seconds_on_every_replica() {
    with_keys().await;
    let redis = TestRedis::start().await;
    let settings = with_vault(Settings::postgres().await)
        .with("REDIS_URL", redis.url())
        .with_own_clock()
        .await;
    let (one, other) = (settings.start().await, settings.start().await);
    let tenant = tenant_of(&one).await;
    let job = Job::prepare(&tenant, "once", 0).await;
    assert_eq!(job.send(&one).await.0, StatusCode::CREATED);
    for seconds in [1, 299, 301] {
        settings.move_clock(seconds).await;
        one.until_clock_moved(seconds).await;
        other.until_clock_moved(seconds).await;
        redis.flush().await;
        for server in [&one, &other] {
            let (status, refused) = job.send(server).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "after {seconds} s: {refused}");
        }
    }
    // A fresh one is good, by the same clock.
    let fresh = Job::prepare(&tenant, "fresh", 301).await;
    assert_eq!(fresh.send(&other).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn of_many_replays_at_once_one_is_good() {
    with_keys().await;
    let settings = with_vault(Settings::postgres().await);
    let (one, other) = (settings.start().await, settings.start().await);
    let tenant = tenant_of(&one).await;
    let job = Job::prepare(&tenant, "race", 0).await;
    let tries = (0..8).map(|number| job.send(if number % 2 == 0 { &one } else { &other }));
    let answers = futures::future::join_all(tries).await;
    let good = answers
        .iter()
        .filter(|(status, _)| *status == StatusCode::CREATED)
        .count();
    assert_eq!(good, 1, "{answers:?}");
}

#[tokio::test]
async fn a_vault_that_does_not_answer_is_503_and_no_verdict() {
    let server = Settings::sqlite()
        .with("VAULT_ADDR", "http://127.0.0.1:9")
        .with("VAULT_TOKEN", "none")
        .start()
        .await;
    with_keys().await;
    let tenant = tenant_of(&server).await;
    let job = Job::prepare(&tenant, "nobody", 0).await;
    assert_eq!(job.send(&server).await.0, StatusCode::SERVICE_UNAVAILABLE);
}
