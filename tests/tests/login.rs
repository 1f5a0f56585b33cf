//! Logging in, staying logged in, logging out.
#![cfg(test)]

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{OWNER_EMAIL, OWNER_PASSWORD, Person, Server, Settings, client};

async fn refresh(server: &Server, token: &str) -> (StatusCode, Value) {
    let client = client();
    let body = json!({"refresh_token": token});
    let answer = client
        .post(format!("{}/api/v1/auth/refresh", server.url))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    (answer.status(), answer.json().await.unwrap())
}

fn refresh_token(pair: &Value) -> String {
    pair["refresh_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_owner_sees_themselves() {
    let server = Settings::sqlite().start().await;
    let me = server.log_in().await.get("/api/v1/auth/me").await;
    assert_eq!(me["success"], true);
    assert!(me["data"]["user_id"].as_str().unwrap().len() >= 36, "{me}");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer() {
    let server = Settings::sqlite().start().await;
    let (email, _) = server.first_login();
    let person = server.log_in().await;
    let mut bodies = Vec::new();
    for address in [email.as_str(), "nobody@example.org"] {
        let body = json!({"email": address, "password": "not-the-password-1"});
        let answer = person.post("/api/v1/auth/token", &body).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        bodies.push(answer.text().await.unwrap());
    }
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn a_refresh_rotates_and_a_retry_gets_the_same_successor() {
    let server = Settings::sqlite().start().await;
    let person = server.log_in().await;
    let (status, first) = refresh(&server, &person.refresh_token).await;
    assert_eq!(status, StatusCode::OK, "{first}");
    assert_ne!(refresh_token(&first), person.refresh_token);
    let (status, retried) = refresh(&server, &person.refresh_token).await;
    assert_eq!(
        (status, refresh_token(&retried)),
        (StatusCode::OK, refresh_token(&first))
    );
}

#[tokio::test]
async fn an_old_token_used_after_its_successor_was_rotated_ends_the_family() {
    let server = Settings::sqlite().start().await;
    let person = server.log_in().await;
    let (_, second) = refresh(&server, &person.refresh_token).await;
    let (_, third) = refresh(&server, &refresh_token(&second)).await;
    let (status, body) = refresh(&server, &person.refresh_token).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "{body}");
    let (status, _) = refresh(&server, &refresh_token(&third)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED, "the family outlived the replay");
}

#[tokio::test]
async fn sixty_four_refreshes_at_once_have_one_winner_and_no_loser() {
    for settings in [Settings::sqlite(), Settings::postgres().await] {
        let server = settings.start().await;
        let person = server.log_in().await;
        let tries = (0..64).map(|_| refresh(&server, &person.refresh_token));
        let answers = futures::future::join_all(tries).await;
        assert!(
            answers.iter().all(|(status, _)| *status == StatusCode::OK),
            "{answers:?}"
        );
        let mut successors: Vec<_> = answers.iter().map(|(_, pair)| refresh_token(pair)).collect();
        successors.sort_unstable();
        successors.dedup();
        assert_eq!(successors.len(), 1);
    }
}

#[tokio::test]
async fn after_logout_the_refresh_token_is_refused() {
    let server = Settings::sqlite().start().await;
    let person = server.log_in().await;
    let body = json!({"refresh_token": person.refresh_token});
    let answer: Value = person
        .post("/api/v1/auth/logout", &body)
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(answer["data"]["revoked"], true, "{answer}");
    assert_eq!(
        refresh(&server, &person.refresh_token).await.0,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_refresh_token_is_no_access_token_and_the_reverse() {
    let server = Settings::sqlite().start().await;
    let person = server.log_in().await;
    let swapped = person.with_access_token(&person.refresh_token);
    let answer = swapped
        .request(Method::GET, "/api/v1/auth/me")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        refresh(&server, &person.access_token).await.0,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn two_processes_started_at_once_on_an_empty_postgres_make_one_owner_one_key_and_share_conversations() {
    let settings = Settings::postgres().await;
    let (one, other) = futures::join!(settings.start(), settings.start());
    let jwks = |server: &Server| {
        let url = format!("{}/.well-known/jwks.json", server.url);
        async move { client().get(url).send().await.unwrap().text().await.unwrap() }
    };
    assert_eq!(jwks(&one).await, jwks(&other).await);
    let person = Person::log_in(&one.url, OWNER_EMAIL, OWNER_PASSWORD).await;
    person.chat("shared", "hello from one").await;
    let elsewhere = person.at(&other.url);
    assert_eq!(elsewhere.history("shared").await, person.history("shared").await);
    assert_eq!(
        elsewhere.get("/api/v1/auth/me").await["data"],
        person.get("/api/v1/auth/me").await["data"]
    );
}
