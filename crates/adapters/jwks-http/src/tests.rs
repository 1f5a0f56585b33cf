//! Against an issuer on this machine that counts what it is asked.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use chancery_ambient::{Clock, ManualClock, Timestamp};
use chancery_jose::{Algorithm, JwkSet, SigningKey, jws};
use chancery_token_verify::{Refusal, Verifier};
use futures::future::join_all;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{COOL_DOWN, KEPT_WITHOUT_NEWS, RemoteKeys, RemoteKeysError, RemoteVerifier, Unverifiable};

const ISSUER: &str = "https://auth.example";
const NOW: i64 = 1_800_000_000;

/// Answers every request with what it was last told, and keeps the requests.
#[derive(Default)]
struct Issuer {
    answer: Mutex<String>,
    requests: Mutex<Vec<String>>,
}

impl Issuer {
    fn say(&self, head: &str, body: &str) {
        let length = body.len();
        *self.answer.lock().unwrap() =
            format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    }

    fn publish(&self, keys: &[&SigningKey]) {
        let set = JwkSet::new(keys.iter().map(|key| key.public_jwk()).collect()).unwrap();
        let head = "200 OK\r\netag: \"v1\"\r\ncache-control: public, max-age=300";
        self.say(head, &serde_json::to_string(&set).unwrap());
    }

    fn asked(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

struct Scene {
    issuer: Arc<Issuer>,
    clock: Arc<ManualClock>,
    tokens: RemoteVerifier,
}

#[expect(clippy::disallowed_methods, reason = "the other side of a test's connection")]
async fn scene() -> Scene {
    // Whoever came first has installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let issuer = Arc::new(Issuer::default());
    let serving = issuer.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            let request = String::from_utf8(request).unwrap();
            serving.requests.lock().unwrap().push(request);
            let answer = serving.answer.lock().unwrap().clone();
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let clock = Arc::new(ManualClock::at(Timestamp::from_unix_seconds(NOW).unwrap()));
    let keys = RemoteKeys::new(url.parse().unwrap(), clock.clone()).unwrap();
    let verifier = Verifier::new(ISSUER, ["agent-api"]);
    Scene {
        tokens: RemoteVerifier::new(verifier, keys, clock.clone()),
        issuer,
        clock,
    }
}

fn key(seed: u8) -> SigningKey {
    SigningKey::generate_ed25519(&[seed; 32]).unwrap()
}

impl Scene {
    /// A token that is good for half an hour from now on.
    fn token(&self, key: &SigningKey) -> String {
        let header = jws::Header {
            algorithm: Algorithm::EdDsa,
            kid: Some(key.kid().clone()),
            typ: Some("at+jwt".into()),
        };
        let now = self.clock.now().unix_seconds();
        let claims = json!({
            "iss": ISSUER, "aud": ["agent-api"], "sub": "user:018f3f66-5f0b-7cc0-8000-000000000001",
            "tenant_id": "018f3f66-5f0b-7cc0-8000-000000000002", "scope": "conversations:read", "roles": ["member"],
            "token_use": "access", "jti": "018f3f66-5f0b-7cc0-8000-000000000003", "client_id": "console",
            "sv": 0, "tv": 0, "iat": now, "nbf": now, "exp": now + 1800,
        });
        jws::sign(&header, claims.to_string().as_bytes(), key).unwrap()
    }

    async fn verify(&self, token: &str) -> Result<(), Unverifiable> {
        self.tokens.verify_access(token).await.map(drop)
    }
}

#[tokio::test]
async fn a_set_is_fetched_once_for_everybody_and_again_by_its_tag_when_its_time_is_over() {
    let s = scene().await;
    s.issuer.publish(&[&key(1)]);
    let token = s.token(&key(1));
    for verified in join_all((0..32).map(|_| s.verify(&token))).await {
        verified.unwrap();
    }
    assert_eq!(s.issuer.asked(), 1);
    s.clock.advance(Duration::from_secs(299));
    s.verify(&token).await.unwrap();
    assert_eq!(s.issuer.asked(), 1);
    s.issuer.say("304 Not Modified\r\ncache-control: max-age=300", "");
    s.clock.advance(Duration::from_secs(1));
    s.verify(&token).await.unwrap();
    assert!(s.issuer.requests.lock().unwrap()[1].contains("if-none-match: \"v1\""));
    s.clock.advance(Duration::from_secs(299));
    s.verify(&token).await.unwrap();
    assert_eq!(s.issuer.asked(), 2, "what was confirmed holds anew");
}

#[tokio::test]
async fn a_new_key_is_found_at_once_and_invented_ones_cause_one_look_in_half_a_minute() {
    let s = scene().await;
    s.issuer.publish(&[&key(1)]);
    s.verify(&s.token(&key(1))).await.unwrap();
    s.clock.advance(COOL_DOWN);
    s.issuer.publish(&[&key(1), &key(2)]);
    s.verify(&s.token(&key(2))).await.unwrap();
    assert_eq!(s.issuer.asked(), 2);
    let unknown = Err(Unverifiable::Refused(Refusal::UnknownKey));
    for seed in 3..30 {
        assert_eq!(s.verify(&s.token(&key(seed))).await, unknown);
    }
    assert_eq!(s.issuer.asked(), 2);
    s.clock.advance(COOL_DOWN);
    let token = s.token(&key(9));
    for verified in join_all((0..32).map(|_| s.verify(&token))).await {
        assert_eq!(verified, unknown);
    }
    assert_eq!(s.issuer.asked(), 3);
}

#[tokio::test]
async fn a_key_that_was_taken_away_is_refused_when_the_sets_time_is_over() {
    let s = scene().await;
    s.issuer.publish(&[&key(1), &key(2)]);
    s.verify(&s.token(&key(1))).await.unwrap();
    s.issuer.publish(&[&key(2)]);
    s.clock.advance(Duration::from_mins(5));
    let refused = s.verify(&s.token(&key(1))).await;
    assert_eq!(refused, Err(Unverifiable::Refused(Refusal::UnknownKey)));
}

#[tokio::test]
async fn while_the_issuer_fails_the_last_good_set_goes_on_for_an_hour() {
    let s = scene().await;
    s.issuer.publish(&[&key(1)]);
    s.verify(&s.token(&key(1))).await.unwrap();
    s.issuer.say("500 Internal Server Error", "");
    s.clock
        .advance(KEPT_WITHOUT_NEWS.saturating_sub(Duration::from_secs(1)));
    s.verify(&s.token(&key(1))).await.unwrap();
    let asked = s.issuer.asked();
    s.verify(&s.token(&key(1))).await.unwrap();
    assert_eq!(s.issuer.asked(), asked, "not for every token");
    s.clock.advance(Duration::from_secs(1));
    assert_eq!(s.verify(&s.token(&key(1))).await, Err(Unverifiable::NoKeys));
    s.issuer.publish(&[&key(1)]);
    s.clock.advance(Duration::from_secs(5));
    s.verify(&s.token(&key(1))).await.unwrap();
}

#[tokio::test]
async fn what_is_no_key_set_is_not_taken_for_one() {
    let private = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a"}]}"#;
    let large = " ".repeat(JwkSet::MAX_BYTES + 1);
    for (head, body) in [
        ("302 Found\r\nlocation: http://127.0.0.1:1/", ""),
        ("304 Not Modified", ""),
        ("404 Not Found", ""),
        ("200 OK", "<html>"),
        ("200 OK", private),
        ("200 OK", large.as_str()),
    ] {
        let s = scene().await;
        s.issuer.say(head, body);
        assert_eq!(
            s.verify(&s.token(&key(1))).await,
            Err(Unverifiable::NoKeys),
            "{head}"
        );
        assert_eq!(s.issuer.asked(), 1, "{head}");
    }
}

#[tokio::test]
async fn an_issuer_elsewhere_is_asked_over_tls_alone() {
    let clock = Arc::new(ManualClock::at(Timestamp::EPOCH));
    for url in ["http://auth.example/jwks.json", "file:///jwks.json"] {
        let refused = RemoteKeys::new(url.parse().unwrap(), clock.clone());
        assert!(matches!(refused, Err(RemoteKeysError::NotSecure(_))), "{url}");
    }
}
