//! Streams that are cut, resumed elsewhere, and ended with their reader's token.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "real processes live in real time")]

use std::time::{Duration, Instant};

use futures::StreamExt;
use reqwest::{Method, Response};
use system_tests::{Frames, Invariants, Person, Server, Settings, TestRedis, words};

/// Follows a run at another replica.
async fn follow(person: &Person, server: &Server, run: &str, last: Option<&str>) -> Response {
    let path = format!("/api/v1/runs/{run}/stream");
    let mut request = person.at(&server.url).request(Method::GET, &path);
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    request.send().await.unwrap()
}

/// The run that a stream has just begun with.
async fn run_of(frames: &mut Frames) -> String {
    let first = frames.next().await.expect("the stream begins");
    first.id.split('.').next().unwrap().to_owned()
}

/// Security.md 7: a stream ends within the revocation bound, and says so to its reader alone.
#[tokio::test]
async fn streams_on_another_replica_end_within_a_second_of_logout_removal_and_suspension() {
    let settings = Settings::postgres()
        .await
        .with("OFFLINE_MODEL_WORDS_PER_SECOND", "5");
    let (runner, reader) = (settings.start().await, settings.start().await);
    let owner = runner.log_in().await;
    let ada = owner.invite(&settings, "ada@example.org", "member").await;
    let ada_path = format!("/api/v1/members/{}", ada.user_id().await);
    let grace = owner.invite(&settings, "grace@example.org", "member").await;
    let tenant = owner.get("/api/v1/auth/me").await["data"]["tenant_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let long = format!("repeat after me: {}", words(400));

    let mut open = Vec::new();
    for person in [&ada, &grace, &owner] {
        let run = run_of(&mut person.stream("long", &long).await).await;
        let mut frames = Frames::of(follow(person, &reader, &run, None).await);
        frames.next().await.expect("the stream goes on");
        open.push((run, frames));
    }
    for (number, (_, mut frames)) in open.into_iter().enumerate() {
        match number {
            0 => {
                let removed = owner.request(Method::DELETE, &ada_path).send().await.unwrap();
                assert!(removed.status().is_success());
            }
            1 => {
                let logout = serde_json::json!({"refresh_token": grace.refresh_token});
                assert!(
                    grace
                        .post("/api/v1/auth/logout", &logout)
                        .await
                        .status()
                        .is_success()
                );
            }
            _ => {
                settings.run(&["admin", "tenant", "suspend", &tenant]).await;
            }
        }
        let since = Instant::now();
        while frames.next().await.is_some() {}
        assert_eq!(frames.farewell(), Some("token_revoked"));
        println!("stream {number} ended {:?} after the revocation", since.elapsed());
        assert!(since.elapsed() < Duration::from_secs(5), "the stream went on");
    }
}

/// Reads until so many bytes of an answer have come, which may end in the middle of anything.
async fn read_bytes(answer: Response, bytes: usize) -> Vec<u8> {
    let (mut body, mut read) = (answer.bytes_stream(), Vec::new());
    while read.len() < bytes {
        match body.next().await {
            Some(Ok(piece)) => read.extend_from_slice(&piece),
            Some(Err(_)) | None => break,
        }
    }
    read.truncate(bytes);
    read
}

/// What of it are whole frames with an id, in order.
fn whole_frames(read: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(read);
    let Some(end) = text.rfind("\n\n") else {
        return Vec::new();
    };
    let blocks = text[..end]
        .split("\n\n")
        .filter(|block| block.starts_with("id: "));
    blocks.map(ToOwned::to_owned).collect()
}

fn id_of(frame: &str) -> &str {
    frame.lines().next().unwrap().trim_start_matches("id: ")
}

/// The connection is cut at bytes all over the stream, at some of them by a kill of the replica that serves it.
#[tokio::test]
async fn a_stream_cut_at_fifty_bytes_and_killed_five_times_joins_to_the_uninterrupted_one() {
    let redis = TestRedis::start().await;
    let settings = Settings::postgres().await.with("REDIS_URL", redis.url());
    // What a killed replica served counts until its seats lapse; the replay at the end is no stream that goes on.
    let settings = settings.with("CHAT_STREAM_CONCURRENT_LIMIT", "20");
    let slow = settings.clone().with("OFFLINE_MODEL_WORDS_PER_SECOND", "60");
    let runner = slow.start().await;
    let mut reader = settings.start().await;
    let person = runner.log_in().await;
    let mut uninterrupted = person
        .stream("cut", &format!("repeat after me: {}", words(480)))
        .await;
    let run = run_of(&mut uninterrupted).await;

    let mut joined: Vec<String> = Vec::new();
    let mut cuts = 0;
    // Offsets that fall everywhere in a frame, and are the same every time.
    let mut offset = 97;
    while cuts < 50 {
        let last = joined.last().map(|frame| id_of(frame).to_owned());
        let answer = follow(&person, &reader, &run, last.as_deref()).await;
        offset = offset * 31 % 4801;
        joined.extend(whole_frames(&read_bytes(answer, 600 + offset).await));
        cuts += 1;
        if cuts % 10 == 0 {
            reader.kill().await;
            reader = settings.start().await;
        }
    }
    let last = id_of(joined.last().unwrap()).to_owned();
    let rest = read_bytes(follow(&person, &reader, &run, Some(&last)).await, usize::MAX).await;
    joined.extend(whole_frames(&rest));

    let replayed = read_bytes(follow(&person, &runner, &run, None).await, usize::MAX).await;
    let whole = whole_frames(&replayed);
    assert!(whole.len() > 480, "{}", whole.len());
    assert_eq!(joined, whole);
    Invariants::hold_over(joined.iter().map(String::as_str));
    let sent: Vec<String> = uninterrupted
        .rest()
        .await
        .into_iter()
        .map(|frame| frame.id)
        .collect();
    let ids: Vec<&str> = whole.iter().skip(1).map(|frame| id_of(frame)).collect();
    assert_eq!(sent, ids);
    let history = person.history("cut").await;
    assert_eq!(history.len(), 2);
    assert!(history[1].1.contains(&words(480)));
}

#[tokio::test]
async fn two_replicas_count_a_persons_turns_together() {
    let redis = TestRedis::start().await;
    let settings = Settings::postgres()
        .await
        .with("REDIS_URL", redis.url())
        .with("CHAT_RATE_LIMIT_PER_MINUTE", "3");
    let (one, other) = (settings.start().await, settings.start().await);
    let person = one.log_in().await;
    let body = serde_json::json!({"message": "hello"});
    let mut statuses = Vec::new();
    for server in [&one, &other, &one, &other] {
        let answer = person.at(&server.url).post("/api/v1/chat", &body).await;
        statuses.push(answer.status().as_u16());
        if answer.status() == 429 {
            assert_eq!(answer.headers()["retry-after"], "20");
            let refused: serde_json::Value = answer.json().await.unwrap();
            assert_eq!(refused["error"], "rate_limit_exceeded");
        }
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
    // Streams have a limit of their own.
    person.stream("streamed", "hello").await.rest().await;
}
