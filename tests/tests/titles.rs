//! Titles that the model gives, over the real binary. The offline model takes the first words of the message.
#![cfg(test)]

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{Frames, Person, Settings, eventually};

async fn title(person: &Person, conversation: &str) -> Value {
    let found = person.get(&format!("/api/v1/conversations/{conversation}")).await;
    found["display_name"].clone()
}

/// What the stream of the title tells from its beginning to its end.
async fn told(person: &Person, conversation: &str) -> Vec<String> {
    let path = format!("/api/v1/conversations/{conversation}/stream");
    let answer = person.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let text = answer.text().await.unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
    lines.map(str::to_owned).collect()
}

/// Waits until so many turns of the model are counted.
async fn counted(person: &Person, turns: u64) {
    eventually(&format!("{turns} turns of the model are counted"), async || {
        let days = person.get("/api/v1/usage").await;
        let days = days["items"].as_array().unwrap();
        let all: u64 = days.iter().map(|day| day["requests"].as_u64().unwrap()).sum();
        all == turns
    })
    .await;
}

async fn is_made_once(settings: Settings) {
    let server = settings.start().await;
    let person = server.log_in().await;
    person
        .chat("c", "Would you call this a conversation about May?")
        .await;
    let [said, done] = told(&person, "c").await.try_into().unwrap();
    let name = "Would you call this a conversation";
    assert_eq!(
        serde_json::from_str::<Value>(&said).unwrap(),
        json!({"conversation_id": "c", "display_name": name})
    );
    assert_eq!(done, "[DONE]");
    let listed = person.get("/api/v1/conversations").await;
    assert_eq!(listed["items"][0]["display_name"], name);

    person.chat("c", "Or is it another one about June?").await;
    // A server that has stopped has done what was to be done behind its answers.
    server.stop().await;
    let server = settings.start().await;
    let person = person.at(&server.url);
    assert_eq!(title(&person, "c").await, name);
    counted(&person, 3).await;
    server.stop().await;
}

#[tokio::test]
async fn the_first_answer_brings_a_title_on_sqlite() {
    is_made_once(Settings::sqlite()).await;
}

#[tokio::test]
async fn the_first_answer_brings_a_title_on_postgres() {
    is_made_once(Settings::postgres().await).await;
}

#[tokio::test]
async fn a_name_that_the_person_gave_first_stays() {
    let settings = Settings::sqlite().with_careful_agent();
    let server = settings.start().await;
    let person = server.log_in().await;
    let turn = json!({"message": "search for word7", "conversation_id": "c"});
    let waiting: Value = person.post("/api/v1/chat", &turn).await.json().await.unwrap();
    let named = person
        .request(Method::PATCH, "/api/v1/conversations/c/title")
        .json(&json!({"display_name": "Mine"}));
    assert_eq!(named.send().await.unwrap().status(), StatusCode::OK);
    let approval = format!("/api/v1/approvals/{}", waiting["approval_id"].as_str().unwrap());
    let settled = person.post(&approval, &json!({"approved": true})).await;
    assert_eq!(settled.status(), StatusCode::OK);
    let run = format!("/api/v1/runs/{}/stream", waiting["run_id"].as_str().unwrap());
    let run = person.request(Method::GET, &run).send().await.unwrap();
    Frames::of(run).rest().await;
    server.stop().await;

    let server = settings.start().await;
    let person = person.at(&server.url);
    assert_eq!(title(&person, "c").await, "Mine");
    let told = told(&person, "c").await;
    assert!(told.len() == 2 && told[0].contains("Mine"), "{told:?}");
    counted(&person, 2).await;
    server.stop().await;
}

#[tokio::test]
async fn switched_off_no_title_is_made_and_nobody_waits_for_one() {
    let settings = Settings::sqlite().with("CONVERSATION_TITLES", "off");
    let server = settings.start().await;
    let person = server.log_in().await;
    person.chat("c", "hello").await;
    assert_eq!(told(&person, "c").await, ["[DONE]"]);
    server.stop().await;
    let server = settings.start().await;
    let person = person.at(&server.url);
    assert_eq!(title(&person, "c").await, Value::Null);
    counted(&person, 1).await;
    server.stop().await;
}
