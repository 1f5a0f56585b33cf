//! What people do with what they have said: shorten it, take it along, have it forgotten.
#![cfg(test)]

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{Person, Settings, eventually};

async fn message_ids(person: &Person, conversation: &str) -> Vec<String> {
    let found = person.get(&format!("/api/v1/conversations/{conversation}")).await;
    let messages = found["messages"].as_array().unwrap().iter();
    messages
        .map(|message| message["message_id"].as_str().unwrap().to_owned())
        .collect()
}

async fn delete(person: &Person, path: &str) -> (StatusCode, Value) {
    let answer = person.request(Method::DELETE, path).send().await.unwrap();
    let status = answer.status();
    (status, answer.json().await.unwrap_or_default())
}

/// The lines of an export.
async fn export(person: &Person) -> Vec<Value> {
    let answer = person
        .request(Method::GET, "/api/v1/users/me/export")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    let text = answer.text().await.unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Of which conversations the lines of this kind are.
fn of<'l>(lines: &'l [Value], kind: &str) -> Vec<&'l str> {
    let mut found = Vec::new();
    for line in lines {
        if line["type"] == kind {
            found.push(line["conversation_id"].as_str().unwrap());
        }
    }
    found
}

async fn erase(person: &Person) -> Value {
    let answer = person.post("/api/v1/users/me/erase", &json!({})).await;
    assert_eq!(answer.status(), StatusCode::OK);
    answer.json().await.unwrap()
}

async fn a_turn_can_be_taken_back(settings: Settings) {
    let server = settings.start().await;
    let person = server.log_in().await;
    for said in ["the walrus sleeps", "the seal swims", "the otter dives"] {
        person.chat("animals", said).await;
    }
    let before = person.history("animals").await;
    let ids = message_ids(&person, "animals").await;
    let path = |id: &str| format!("/api/v1/conversations/animals/messages/{id}");

    let (status, refused) = delete(&person, &path(&ids[3])).await;
    assert_eq!(
        (status, &refused["error"]),
        (StatusCode::CONFLICT, &json!("message_not_deletable"))
    );
    assert_eq!(delete(&person, &path("nonsense")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(delete(&person, &path(&ids[2])).await.0, StatusCode::NO_CONTENT);
    assert_eq!(delete(&person, &path(&ids[2])).await.0, StatusCode::NO_CONTENT);

    assert_eq!(person.history("animals").await, before[..2]);
    let found = person.get("/api/v1/conversations/search?q=otter").await;
    assert_eq!(found["items"], json!([]));
    person.chat("animals", "the heron waits").await;
    let after = person.history("animals").await;
    assert_eq!(after.len(), 4);
    assert_eq!(after[2].1, "the heron waits");

    assert_eq!(delete(&person, &path(&ids[0])).await.0, StatusCode::NO_CONTENT);
    let listed = person.get("/api/v1/conversations").await;
    assert_eq!(listed["items"], json!([]));
    server.stop().await;
}

#[tokio::test]
async fn a_turn_is_taken_back_with_all_that_followed_on_sqlite() {
    a_turn_can_be_taken_back(Settings::sqlite()).await;
}

#[tokio::test]
async fn a_turn_is_taken_back_with_all_that_followed_on_postgres() {
    a_turn_can_be_taken_back(Settings::postgres().await).await;
}

#[tokio::test]
async fn a_message_stays_while_its_conversation_is_answered() {
    let settings = Settings::sqlite().with("OFFLINE_MODEL_WORDS_PER_SECOND", "5");
    let server = settings.start().await;
    let person = server.log_in().await;
    let mut frames = person
        .stream("busy", "repeat after me: one two three four five six")
        .await;
    frames.next().await.unwrap();
    let ids = message_ids(&person, "busy").await;
    let path = format!("/api/v1/conversations/busy/messages/{}", ids[0]);
    let (status, refused) = delete(&person, &path).await;
    assert_eq!(
        (status, &refused["error"]),
        (StatusCode::CONFLICT, &json!("run_in_progress"))
    );
    frames.rest().await;
    assert_eq!(delete(&person, &path).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_person_takes_along_what_they_said_and_has_it_forgotten() {
    let settings = Settings::postgres().await.with_careful_agent();
    let server = settings.start().await;
    let person = server.log_in().await;
    let ada = person.invite(&settings, "ada@example.org", "member").await;
    ada.chat("hers", "hello from ada").await;
    assert_eq!(
        export(&person).await,
        [json!({"type": "end", "conversations": 0, "messages": 0})]
    );
    for conversation in ["b", "a"] {
        person.chat(conversation, "hello there").await;
    }
    person.chat("a", "and again").await;
    let waiting = json!({"message": "search for hello", "conversation_id": "waits"});
    let waiting: Value = person.post("/api/v1/chat", &waiting).await.json().await.unwrap();

    let lines = export(&person).await;
    assert_eq!(of(&lines, "conversation"), ["a", "b", "waits"]);
    assert_eq!(of(&lines, "message"), ["a", "a", "a", "a", "b", "b", "waits"]);
    assert_eq!(
        lines.last().unwrap(),
        &json!({"type": "end", "conversations": 3, "messages": 7})
    );

    assert_eq!(
        erase(&person).await,
        json!({"deleted": 2, "in_progress": 1, "more": false})
    );
    let run = waiting["run_id"].as_str().unwrap();
    person
        .post(&format!("/api/v1/runs/{run}/cancel"), &json!({}))
        .await;
    eventually("the run that waited has ended", async || {
        erase(&person).await["in_progress"] == 0
    })
    .await;
    assert_eq!(export(&person).await.len(), 1);
    assert_eq!(ada.history("hers").await.len(), 2, "hers is hers");
}
