//! What is not kept for ever is forgotten, by a server itself or by its operator.
#![cfg(test)]

use reqwest::{Method, StatusCode};
use serde_json::Value;
use system_tests::{Frames, Person, Settings, eventually};

const DAY: i64 = 24 * 60 * 60;

/// A turn; the id of its run.
async fn turn(person: &Person, conversation: &str) -> String {
    let frames = person.stream(conversation, "hello").await.rest().await;
    frames[0].id.split('.').next().unwrap().to_owned()
}

async fn ask(person: &Person, path: &str) -> (StatusCode, Value) {
    let answer = person.request(Method::GET, path).send().await.unwrap();
    let status = answer.status();
    (status, answer.json().await.unwrap_or_default())
}

/// The runs that a conversation's stream tells of.
async fn runs_of(person: &Person, conversation: &str) -> Vec<String> {
    let path = format!("/api/v1/conversations/{conversation}/ledger/stream");
    let replay = person.request(Method::GET, &path).send().await.unwrap();
    let mut runs: Vec<_> = Frames::of(replay)
        .rest()
        .await
        .iter()
        .map(|frame| frame.id.split('.').next().unwrap().to_owned())
        .collect();
    runs.dedup();
    runs
}

async fn old_things_are_forgotten(settings: Settings) {
    let settings = settings
        .with_own_clock()
        .await
        .with("OFFLINE_MODEL_WORDS_PER_SECOND", "0")
        .with("RUN_LOG_RETENTION_DAYS", "2")
        .with("CONVERSATION_RETENTION_DAYS", "4");
    let server = settings.start().await;
    let (email, password) = server.first_login();
    let person = server.log_in().await;
    let (first, left) = (turn(&person, "kept").await, turn(&person, "left").await);
    server.stop().await;

    settings.move_clock(3 * DAY).await;
    let told = settings.run(&["admin", "retention", "--dry-run"]).await;
    for line in [
        "conversations: 0 would be forgotten",
        "run_logs: 2 would be forgotten",
    ] {
        assert!(told.contains(line), "{told}");
    }
    let told = settings.run(&["admin", "retention"]).await;
    for line in ["conversations: 0 forgotten", "run_logs: 2 forgotten"] {
        assert!(told.contains(line), "{told}");
    }

    let server = settings.start().await;
    let person = Person::log_in(&server.url, &email, &password).await;
    for run in [&first, &left] {
        let (status, told) = ask(&person, &format!("/api/v1/runs/{run}/stream")).await;
        assert_eq!(
            (status, &told["error"]),
            (StatusCode::GONE, &"run_log_expired".into()),
            "{told}"
        );
    }
    assert_eq!(person.history("left").await.len(), 2, "its messages are kept");
    let second = turn(&person, "kept").await;
    assert_eq!(runs_of(&person, "kept").await, [second]);
    server.stop().await;

    // A server does it by itself: five days after the first turn, two after the second.
    settings.move_clock(5 * DAY).await;
    let server = settings.start().await;
    let person = Person::log_in(&server.url, &email, &password).await;
    eventually("the conversation is gone", async || {
        ask(&person, "/api/v1/conversations/left").await.0 == StatusCode::NOT_FOUND
    })
    .await;
    assert_eq!(
        ask(&person, &format!("/api/v1/runs/{left}/stream")).await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(person.history("kept").await.len(), 4);
    server.stop().await;
}

#[tokio::test]
async fn conversations_and_run_logs_go_when_their_time_is_over_on_sqlite() {
    old_things_are_forgotten(Settings::sqlite()).await;
}

#[tokio::test]
async fn conversations_and_run_logs_go_when_their_time_is_over_on_postgres() {
    old_things_are_forgotten(Settings::postgres().await).await;
}
