//! How many streams a person reads at the same time, counted over replicas.
#![cfg(test)]

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use system_tests::{Frames, Person, Settings, TestRedis, eventually, words};

async fn open(person: &Person, conversation: usize) -> Response {
    let message = format!("repeat after me: {}", words(400));
    let body = json!({"message": message, "conversation_id": format!("c{conversation}")});
    person.post("/api/v1/chat/stream", &body).await
}

async fn assert_refused(answer: Response) {
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait = answer.headers()["retry-after"].to_str().unwrap().to_owned();
    let refused: Value = answer.json().await.unwrap();
    assert_eq!(refused["error"], "rate_limit_exceeded");
    let told = format!("Rate limit exceeded (chat_stream_concurrent). Retry after {wait}s.");
    assert_eq!(refused["message"], told);
}

#[tokio::test]
async fn the_sixth_stream_is_refused_on_either_replica_until_one_of_the_five_has_ended() {
    let redis = TestRedis::start().await;
    let settings = Settings::postgres()
        .await
        .with("REDIS_URL", redis.url())
        .with("OFFLINE_MODEL_WORDS_PER_SECOND", "5");
    let (one, other) = (settings.start().await, settings.start().await);
    let owner = one.log_in().await;
    let elsewhere = owner.at(&other.url);
    let ada = owner.invite(&settings, "ada@example.org", "member").await;

    let mut streams = Vec::new();
    for number in 0..5 {
        let person = if number % 2 == 0 { &owner } else { &elsewhere };
        let mut frames = Frames::of(open(person, number).await);
        let first = frames.next().await.unwrap();
        streams.push((first.id.split('.').next().unwrap().to_owned(), frames));
    }
    for person in [&owner, &elsewhere] {
        assert_refused(open(person, 5).await).await;
        for path in [
            format!("/api/v1/runs/{}/stream", streams[0].0),
            "/api/v1/conversations/c0/ledger/stream".to_owned(),
        ] {
            assert_refused(person.request(Method::GET, &path).send().await.unwrap()).await;
        }
        let absent = "/api/v1/runs/run_018f3f665f0b7cc08000000000000001/stream";
        let absent = person.request(Method::GET, absent).send().await.unwrap();
        assert_eq!(absent.status(), StatusCode::NOT_FOUND);
    }
    // The refused stream began no run, and nobody else is held back.
    let listed = owner.get("/api/v1/conversations").await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 5);
    Frames::of(open(&ada, 0).await).next().await.unwrap();

    // One ends with its run, one because its reader leaves.
    let (run, frames) = streams.remove(0);
    let cancel = format!("/api/v1/runs/{run}/cancel");
    assert!(
        owner
            .request(Method::POST, &cancel)
            .send()
            .await
            .unwrap()
            .status()
            .is_success()
    );
    frames.rest().await;
    let sixth = until_let_in(&elsewhere, 6).await;
    assert_refused(open(&owner, 7).await).await;
    drop(streams.remove(0));
    let seventh = until_let_in(&owner, 7).await;
    assert_refused(open(&elsewhere, 8).await).await;
    drop((sixth, seventh));
}

async fn until_let_in(person: &Person, conversation: usize) -> Frames {
    let mut let_in = None;
    eventually("there is room for a stream", async || {
        let answer = open(person, conversation).await;
        let_in = (answer.status() == StatusCode::OK).then(|| Frames::of(answer));
        let_in.is_some()
    })
    .await;
    let_in.unwrap()
}
