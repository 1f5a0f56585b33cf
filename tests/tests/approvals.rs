//! A call that a person is asked about, over the real binary.
#![cfg(test)]

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{Frames, Person, Settings};

async fn answer(person: &Person, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
    let request = person.request(method, path);
    let request = if body.is_null() {
        request
    } else {
        request.json(&body)
    };
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap_or_default())
}

async fn log_of(person: &Person, run: &str) -> Vec<Value> {
    let path = format!("/api/v1/runs/{run}/stream");
    let replay = person.request(Method::GET, &path).send().await.unwrap();
    let frames = Frames::of(replay).rest().await;
    frames.into_iter().map(|frame| frame.event).collect()
}

async fn survives_a_kill(settings: Settings) {
    let settings = settings.with_careful_agent();
    let server = settings.start().await;
    let person = server.log_in().await;
    let turn = json!({"message": "search for word7", "conversation_id": "c"});
    let (status, waiting) = answer(&person, Method::POST, "/api/v1/chat", turn.clone()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{waiting}");
    assert_eq!(waiting["status"], "awaiting_approval");
    let (run, approval) = (
        waiting["run_id"].as_str().unwrap(),
        waiting["approval_id"].as_str().unwrap(),
    );
    let (status, refused) = answer(&person, Method::POST, "/api/v1/chat", turn).await;
    assert_eq!(
        (status, &refused["details"]["approval_id"]),
        (StatusCode::CONFLICT, &json!(approval))
    );
    server.kill().await;

    let server = settings.start().await;
    let person = person.at(&server.url);
    let pending = person.get("/api/v1/approvals").await;
    assert_eq!(pending["items"][0]["id"], approval);
    assert_eq!(pending["items"][0]["tool_name"], "search_conversations");
    let path = format!("/api/v1/approvals/{approval}");
    let (status, settled) = answer(&person, Method::POST, &path, json!({"approved": true})).await;
    assert_eq!((status, &settled["status"]), (StatusCode::OK, &json!("approved")));
    let (status, again) = answer(&person, Method::POST, &path, json!({"approved": false})).await;
    assert_eq!(
        (status, &again["error"]),
        (StatusCode::CONFLICT, &json!("approval_closed"))
    );

    let events = log_of(&person, run).await;
    let answers: Vec<_> = events
        .iter()
        .filter(|event| event["kind"] == "tool.approval")
        .collect();
    assert_eq!(answers.len(), 2);
    assert_eq!(
        (&answers[0]["approved"], &answers[1]["approved"]),
        (&Value::Null, &json!(true))
    );
    assert_eq!(events.last().unwrap()["final"]["status"], "completed");
    let outputs = events
        .iter()
        .filter(|event| event["kind"] == "tool.output")
        .count();
    assert_eq!(outputs, 1);
    let history = person.history("c").await;
    assert_eq!(history.len(), 2, "one answer is stored");
    assert!(
        person.get("/api/v1/approvals").await["items"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    person.chat("c", "hello").await;
    server.stop().await;
}

#[tokio::test]
async fn an_approval_survives_a_kill_and_its_call_is_made_once_on_sqlite() {
    survives_a_kill(Settings::sqlite()).await;
}

#[tokio::test]
async fn an_approval_survives_a_kill_and_its_call_is_made_once_on_postgres() {
    survives_a_kill(Settings::postgres().await).await;
}

#[tokio::test]
async fn a_stream_that_waits_is_resumed_on_another_replica_and_stopped_there() {
    let settings = Settings::postgres().await.with_careful_agent();
    let (one, other) = (settings.start().await, settings.start().await);
    let person = one.log_in().await;
    let mut frames = person.stream("c", "search for word7").await;
    let mut approval = Value::Null;
    let mut run = String::new();
    while let Some(frame) = frames.next().await {
        if frame.kind() == "tool.approval" {
            approval = frame.event["approval_request_id"].clone();
            run = frame.id.split('.').next().unwrap().to_owned();
            break;
        }
    }
    let elsewhere = person.at(&other.url);
    let path = format!("/api/v1/approvals/{}", approval.as_str().unwrap());
    let body = json!({"approved": false, "reason": "not now"});
    let (status, _) = answer(&elsewhere, Method::POST, &path, body).await;
    assert_eq!(status, StatusCode::OK);
    let rest = frames.rest().await;
    assert_eq!(rest.last().unwrap().event["final"]["status"], "completed");
    assert_eq!(
        log_of(&elsewhere, &run).await.last(),
        Some(&rest.last().unwrap().event)
    );

    // One that is stopped while it waits ends at once, whichever replica is told.
    let mut frames = person.stream("d", "search for word7").await;
    while let Some(frame) = frames.next().await {
        if frame.kind() == "tool.approval" {
            run = frame.id.split('.').next().unwrap().to_owned();
            break;
        }
    }
    let (status, _) = answer(
        &elsewhere,
        Method::POST,
        &format!("/api/v1/runs/{run}/cancel"),
        Value::Null,
    )
    .await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(
        frames.rest().await.last().unwrap().event["final"]["status"],
        "cancelled"
    );
}
