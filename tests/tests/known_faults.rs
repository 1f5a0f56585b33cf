//! Faults that the systems before this one had, each with the test that it has not come along.
#![cfg(test)]

use reqwest::{Method, StatusCode};
use serde_json::json;
use system_tests::{Forge, Person, Settings, client};

#[tokio::test]
async fn a_streamed_reply_is_in_the_history() {
    let server = Settings::sqlite().start().await;
    let person = server.log_in().await;
    person.chat("both", "hello").await;
    person.stream("both", "hello again").await.rest().await;
    let history = person.history("both").await;
    let roles: Vec<_> = history.iter().map(|(role, _)| role.as_str()).collect();
    assert_eq!(roles, ["user", "assistant", "user", "assistant"]);
}

#[tokio::test]
async fn the_turn_of_a_failed_run_says_so_and_the_next_one_works() {
    let settings = Settings::sqlite();
    // Nothing listens there: the provider is down.
    let server = settings
        .clone()
        .with("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
        .start()
        .await;
    let (email, password) = server.first_login();
    let person = server.log_in().await;
    let body = json!({"message": "is anybody there?", "conversation_id": "orphan"});
    let answer = person.post("/api/v1/chat", &body).await;
    assert!(answer.status().is_server_error(), "{}", answer.status());
    let conversation = person.get("/api/v1/conversations/orphan").await;
    assert_eq!(conversation["message_count"], 1);
    assert_eq!(conversation["messages"][0]["status"], "incomplete");
    server.stop().await;

    let server = settings.start().await;
    let person = Person::log_in(&server.url, &email, &password).await;
    person.chat("orphan", "and now?").await;
    let conversation = person.get("/api/v1/conversations/orphan").await;
    assert_eq!(conversation["message_count"], 3);
    assert_eq!(conversation["messages"][1]["status"], "completed");
}

#[tokio::test]
async fn a_token_with_another_subject_does_not_match_the_hash() {
    let settings = Settings::sqlite();
    settings.start().await.stop().await;
    let first_login = std::fs::read_to_string(settings.folder().join("data/first-login.txt")).unwrap();
    let field = |name: &str| {
        let line = first_login.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim_start_matches(':').trim().to_owned()
    };
    let forge = Forge::open(&settings);
    let server = settings.start().await;
    let person = Person::log_in(&server.url, &field("e-mail"), &field("password")).await;
    // The same header, so that the first 74 bytes are those of the genuine one, and a signature that is right.
    let other = forge.altered(
        &person.refresh_token,
        json!({"sub": "user:01890000-0000-7000-8000-000000000000"}),
    );
    let answer = person
        .post("/api/v1/auth/refresh", &json!({"refresh_token": other}))
        .await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let genuine = json!({"refresh_token": person.refresh_token});
    let answer = person.post("/api/v1/auth/refresh", &genuine).await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn passwords_that_share_their_first_72_bytes_differ() {
    let start = "correct-Horse-battery-9.".repeat(3);
    let password = format!("{start}-and-the-right-end");
    let settings = Settings::sqlite()
        .with("BOOTSTRAP_OWNER_EMAIL", "owner@example.org")
        .with("BOOTSTRAP_OWNER_PASSWORD", &password);
    let server = settings.start().await;
    let person = Person::log_in(&server.url, "owner@example.org", &password).await;
    for wrong in [format!("{start}-and-a-wrong-end"), start] {
        let body = json!({"email": "owner@example.org", "password": wrong});
        let answer = person.post("/api/v1/auth/token", &body).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_token_without_exp_or_iat_is_refused() {
    let settings = Settings::sqlite();
    let server = settings.start().await;
    let person = server.log_in().await;
    server.stop().await;
    let forge = Forge::open(&settings);
    let server = settings.start().await;
    let person = person.at(&server.url);
    for claims in [
        &["exp"][..],
        &["iat"],
        &["nbf"],
        &["exp", "iat"],
        &["iss"],
        &["aud"],
        &["jti"],
    ] {
        let token = forge.stripped(&person.access_token, claims);
        let request = person
            .with_access_token(&token)
            .request(Method::GET, "/api/v1/auth/me");
        assert_eq!(
            request.send().await.unwrap().status(),
            StatusCode::UNAUTHORIZED,
            "{claims:?}"
        );
    }
    person.get("/api/v1/auth/me").await;
}

#[tokio::test]
async fn keys_are_in_memory_and_not_read_for_a_request() {
    let settings = Settings::sqlite();
    let server = settings.start().await;
    let person = server.log_in().await;
    std::fs::rename(
        settings.folder().join("data/keys"),
        settings.folder().join("elsewhere"),
    )
    .unwrap();
    person.get("/api/v1/auth/me").await;
    let jwks = client()
        .get(format!("{}/.well-known/jwks.json", server.url))
        .send()
        .await
        .unwrap();
    assert_eq!(jwks.status(), StatusCode::OK);
}
