//! Runs that are stopped: by their owner, on either replica, whatever they wait for; and with their tenant.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "real processes live in real time")]

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;
use system_tests::{Frame, Frames, Person, Settings, Silence, words};

/// From the request to stop to the terminal event at the reader.
const SOON: Duration = Duration::from_secs(1);

/// Reads until an event of this kind has come; gives the run.
async fn until(frames: &mut Frames, kind: &str) -> String {
    loop {
        let frame = frames.next().await.expect("the stream goes on");
        if frame.kind() == kind {
            return frame.id.split('.').next().unwrap().to_owned();
        }
    }
}

/// Stops the run at `teller`; gives the last event.
async fn stop(frames: Frames, run: &str, teller: &Person) -> Frame {
    let path = format!("/api/v1/runs/{run}/cancel");
    let since = Instant::now();
    let asked = teller.request(Method::POST, &path).send().await.unwrap();
    assert_eq!(asked.status(), StatusCode::ACCEPTED);
    let last = frames.rest().await.pop().unwrap();
    let took = since.elapsed();
    println!("stopped after {took:?}");
    assert!(took < SOON, "it took {took:?}");
    last
}

fn assert_cancelled(last: &Frame) {
    assert_eq!(last.event["final"]["status"], "cancelled", "{}", last.data);
}

#[tokio::test]
async fn a_run_stops_within_a_second_in_its_answer_and_in_a_call_that_hangs_on_either_replica() {
    let silence = Silence::start().await;
    let settings = silence.for_model_and_search(Settings::postgres().await);
    let (runner, other) = (settings.start().await, settings.start().await);
    let person = runner.log_in().await;
    let elsewhere = person.at(&other.url);
    for (place, teller) in [("here", &person), ("elsewhere", &elsewhere)] {
        let said = format!("said {place}");
        let mut frames = person.stream(&said, "hello").await;
        let run = until(&mut frames, "message.delta").await;
        let last = stop(frames, &run, teller).await;
        assert_cancelled(&last);
        assert_eq!(last.event["final"]["response_text"], Silence::SAID);
        let history = person.history(&said).await;
        assert_eq!(history[1], ("assistant".to_owned(), Silence::SAID.to_owned()));

        let called = format!("called {place}");
        let body = json!({"message": "search", "conversation_id": called, "agent_type": "data_analyst"});
        let mut frames = Frames::of(person.post("/api/v1/chat/stream", &body).await);
        let run = until(&mut frames, "tool.status").await;
        silence.searched().await;
        assert_cancelled(&stop(frames, &run, teller).await);
    }
    for server in [runner, other] {
        server.stop().await;
    }
}

#[tokio::test]
async fn a_run_that_waits_for_an_approval_stops_within_a_second_on_either_replica() {
    let settings = Settings::postgres().await.with_careful_agent();
    let (runner, other) = (settings.start().await, settings.start().await);
    let person = runner.log_in().await;
    for (conversation, teller) in [("a", person.clone()), ("b", person.at(&other.url))] {
        let mut frames = person.stream(conversation, "search for word7").await;
        let run = until(&mut frames, "tool.approval").await;
        let path = format!("/api/v1/runs/{run}/cancel");
        let since = Instant::now();
        teller.request(Method::POST, &path).send().await.unwrap();
        let took = since.elapsed();
        assert!(took < SOON, "it took {took:?}");
        // Its readers look into the log once a second.
        assert_cancelled(&frames.rest().await.pop().unwrap());
        assert!(since.elapsed() < SOON * 3);
        let pending = person.get("/api/v1/approvals").await;
        assert_eq!(pending["items"].as_array().unwrap().len(), 0);
    }
}

#[tokio::test]
async fn the_runs_of_a_suspended_tenant_end_and_keep_their_text_on_every_replica() {
    let settings = Settings::postgres()
        .await
        .with("OFFLINE_MODEL_WORDS_PER_SECOND", "5");
    let (one, other) = (settings.start().await, settings.start().await);
    let person = one.log_in().await;
    let mut runs = Vec::new();
    let servers = [("one", &one), ("other", &other)];
    for (name, server) in servers {
        let long = format!("repeat after me: {}", words(400));
        let mut frames = person.at(&server.url).stream(name, &long).await;
        runs.push((until(&mut frames, "message.delta").await, frames));
    }
    let me = person.get("/api/v1/auth/me").await;
    let tenant = me["data"]["tenant_id"].as_str().unwrap();
    settings.run(&["admin", "tenant", "suspend", tenant]).await;
    let since = Instant::now();
    let database = settings.database().connect().await;
    let mut ended: i64 = 0;
    while ended < 2 {
        assert!(since.elapsed() < SOON * 3, "{ended} of 2 runs have ended");
        tokio::time::sleep(Duration::from_millis(20)).await;
        let failed = "SELECT count(*) FROM runs WHERE status = 'failed'";
        ended = database.query_one(failed, &[]).await.unwrap().get(0);
    }
    println!("the runs ended {:?} after the command", since.elapsed());

    // Its people come back, and find what was said.
    settings.run(&["admin", "tenant", "reactivate", tenant]).await;
    let person = one.log_in().await;
    for ((name, _), (run, _)) in servers.into_iter().zip(runs) {
        let path = format!("/api/v1/runs/{run}/stream");
        let replay = person.request(Method::GET, &path).send().await.unwrap();
        let last = Frames::of(replay).rest().await.pop().unwrap();
        assert_eq!(last.event["error"]["code"], "tenant_suspended");
        assert!(person.history(name).await[1].1.starts_with("word1"));
    }
}
