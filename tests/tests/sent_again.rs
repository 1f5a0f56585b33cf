//! `Idempotency-Key`: a turn that is sent again begins nothing.
#![cfg(test)]

use futures::future::join_all;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use system_tests::{Frames, Person, Settings, words};

async fn send(person: &Person, path: &str, key: &str, body: &Value) -> Response {
    let request = person.request(reqwest::Method::POST, path).json(body);
    request.header("idempotency-key", key).send().await.unwrap()
}

async fn chat(person: &Person, key: &str, body: &Value) -> (StatusCode, Value) {
    let answer = send(person, "/api/v1/chat", key, body).await;
    (answer.status(), answer.json().await.unwrap())
}

async fn conversations(person: &Person) -> usize {
    let listed = person.get("/api/v1/conversations").await;
    listed["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn sixteen_equal_turns_on_two_replicas_begin_one_run_and_get_one_answer() {
    let settings = Settings::postgres()
        .await
        .with("OFFLINE_MODEL_WORDS_PER_SECOND", "20");
    let (one, other) = (settings.start().await, settings.start().await);
    let person = one.log_in().await;
    let elsewhere = person.at(&other.url);
    let body = json!({"message": "repeat after me: one two three"});
    let sent = (0..16).map(|number| {
        let person = if number % 2 == 0 { &person } else { &elsewhere };
        chat(person, "sixteen", &body)
    });
    let answers = join_all(sent).await;
    assert_eq!(answers[0].0, StatusCode::OK, "{}", answers[0].1);
    for answer in &answers {
        assert_eq!(*answer, answers[0]);
    }
    assert_eq!(conversations(&person).await, 1);
    // It has ended since.
    assert_eq!(chat(&elsewhere, "sixteen", &body).await, answers[0]);

    let (status, refused) = chat(&person, "sixteen", &json!({"message": "something else"})).await;
    assert_eq!(
        (status, &refused["error"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("idempotency_key_reused"))
    );
    let ada = person.invite(&settings, "ada@example.org", "member").await;
    let (status, hers) = chat(&ada, "sixteen", &body).await;
    assert_eq!(status, StatusCode::OK);
    assert_ne!(hers["conversation_id"], answers[0].1["conversation_id"]);
    for wrong in ["", "two words", &"k".repeat(256)] {
        assert_eq!(
            chat(&person, wrong, &body).await.0,
            StatusCode::BAD_REQUEST,
            "{wrong}"
        );
    }

    let path = format!(
        "/api/v1/conversations/{}",
        answers[0].1["conversation_id"].as_str().unwrap()
    );
    let deleted = person
        .request(reqwest::Method::DELETE, &path)
        .send()
        .await
        .unwrap();
    assert!(deleted.status().is_success());
    let (status, refused) = chat(&person, "sixteen", &body).await;
    assert_eq!(
        (status, &refused["error"]),
        (StatusCode::CONFLICT, &json!("run_deleted"))
    );
}

#[tokio::test]
async fn a_stream_that_is_asked_for_again_elsewhere_is_the_same_stream_from_its_beginning() {
    let settings = Settings::postgres()
        .await
        .with("OFFLINE_MODEL_WORDS_PER_SECOND", "20");
    let (one, other) = (settings.start().await, settings.start().await);
    let person = one.log_in().await;
    let body = json!({"message": format!("repeat after me: {}", words(30)), "conversation_id": "c"});
    let path = "/api/v1/chat/stream";
    let mut first = Frames::of(send(&person, path, "k", &body).await);
    let mut seen = Vec::new();
    while seen.len() < 10 {
        seen.push(first.next().await.unwrap());
    }
    let again = Frames::of(send(&person.at(&other.url), path, "k", &body).await);
    let again = again.rest().await;
    assert_eq!(again[..10], seen);
    let ids: Vec<&str> = again.iter().map(|frame| frame.id.as_str()).collect();
    let rest = first.rest().await;
    assert_eq!(again[10..], rest);
    assert!(ids[0].ends_with(".1"), "{ids:?}");
    assert_eq!(person.history("c").await.len(), 2);
}

/// The server dies with the answer under way: the client sends the turn again and learns how its run ended.
async fn a_retry_after_a_kill_begins_nothing(settings: Settings) {
    let settings = settings
        .with_own_clock()
        .await
        .with("OFFLINE_MODEL_WORDS_PER_SECOND", "20");
    let server = settings.start().await;
    let person = server.log_in().await;
    let body = json!({"message": format!("repeat after me: {}", words(200)), "conversation_id": "c"});
    let path = "/api/v1/chat/stream";
    let mut frames = Frames::of(send(&person, path, "k", &body).await);
    let first = frames.next().await.unwrap();
    // Over a second: what came before is in the log.
    for _ in 0..30 {
        frames.next().await.unwrap();
    }
    server.kill().await;
    let server = settings.start().await;
    // The dead process's lease runs out.
    settings.move_clock(20).await;
    let again = Frames::of(send(&person.at(&server.url), path, "k", &body).await);
    let again = again.rest().await;
    assert_eq!(again[0], first);
    assert_eq!(again.last().unwrap().event["error"]["code"], "run_abandoned");
    assert_eq!(person.at(&server.url).history("c").await.len(), 2);
}

#[tokio::test]
async fn a_retry_after_a_kill_begins_nothing_on_sqlite() {
    a_retry_after_a_kill_begins_nothing(Settings::sqlite()).await;
}

#[tokio::test]
async fn a_retry_after_a_kill_begins_nothing_on_postgres() {
    a_retry_after_a_kill_begins_nothing(Settings::postgres().await).await;
}
