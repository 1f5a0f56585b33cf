//! The main job: log in, stream a chat, find it again after a restart.
#![cfg(test)]

use serde_json::Value;
use system_tests::{Frames, Person, Server, Settings, TestRedis, words};

/// The text that a stream's deltas add up to.
fn text_of(events: &[Value]) -> String {
    events
        .iter()
        .filter(|event| event["kind"] == "message.delta")
        .filter_map(|event| event["delta"].as_str())
        .collect()
}

async fn stream_to_its_end(person: &Person, conversation: &str, message: &str) -> String {
    let frames = person.stream(conversation, message).await.rest().await;
    text_of(&frames.into_iter().map(|frame| frame.event).collect::<Vec<_>>())
}

async fn the_tour(settings: Settings) {
    let server = settings.start().await;
    let (email, password) = server.first_login();
    let person = server.log_in().await;
    let answer = stream_to_its_end(&person, "tour", "hello there").await;
    assert!(!answer.is_empty());
    let listed = person.get("/api/v1/conversations").await;
    assert_eq!(listed["items"][0]["conversation_id"], "tour");
    server.stop().await;

    let server = settings.start().await;
    let person = Person::log_in(&server.url, &email, &password).await;
    let expected = [
        ("user".to_owned(), "hello there".to_owned()),
        ("assistant".to_owned(), answer),
    ];
    assert_eq!(person.history("tour").await, expected);
    server.stop().await;
}

#[tokio::test]
async fn a_streamed_chat_survives_an_orderly_restart_on_sqlite() {
    the_tour(Settings::sqlite()).await;
}

#[tokio::test]
async fn a_streamed_chat_survives_an_orderly_restart_on_postgres() {
    the_tour(Settings::postgres().await).await;
}

async fn read(frames: &mut Frames, count: usize) -> Vec<Value> {
    let mut events = Vec::new();
    while events.len() < count {
        events.push(frames.next().await.expect("the stream goes on").event);
    }
    events
}

/// Kills the server in the middle of an answer of 100 words; gives what the client had seen.
async fn kill_in_mid_stream(settings: &Settings, server: Server) -> (Person, String) {
    let person = server.log_in().await;
    let mut frames = person
        .stream("killed", &format!("repeat after me: {}", words(100)))
        .await;
    let seen = read(&mut frames, 30).await;
    server.kill().await;
    assert!(!settings.log().contains("panicked"));
    (person, text_of(&seen))
}

/// The server starts again: the run is failed, what was seen is in the history, the next turn works.
async fn nothing_seen_is_lost(settings: &Settings, person: Person, seen: &str) {
    let server = settings.start().await;
    let person = person.at(&server.url);
    let history = person.history("killed").await;
    assert_eq!(history.len(), 2);
    assert!(history[0].1.starts_with("repeat after me: word1 word2"));
    assert!(
        !seen.is_empty() && history[1].1.starts_with(seen),
        "{seen:?} {history:?}"
    );

    let replay = person
        .request(reqwest::Method::GET, "/api/v1/conversations/killed/ledger/stream")
        .send()
        .await
        .unwrap();
    let replayed = Frames::of(replay).rest().await;
    assert_eq!(replayed.last().unwrap().event["error"]["code"], "run_abandoned");

    stream_to_its_end(&person, "killed", "and now?").await;
    assert_eq!(person.history("killed").await.len(), 4);
}

#[tokio::test]
async fn after_a_kill_on_sqlite_the_run_is_failed_and_every_word_seen_is_in_the_history() {
    let settings = Settings::sqlite().with("OFFLINE_MODEL_WORDS_PER_SECOND", "20");
    let (person, seen) = kill_in_mid_stream(&settings, settings.start().await).await;
    nothing_seen_is_lost(&settings, person, &seen).await;
}

#[tokio::test]
async fn after_a_kill_on_postgres_the_run_is_failed_and_what_was_seen_a_second_before_is_in_the_history() {
    let settings = Settings::postgres().await.with_own_clock().await;
    let settings = settings.with("OFFLINE_MODEL_WORDS_PER_SECOND", "20");
    let (person, seen) = kill_in_mid_stream(&settings, settings.start().await).await;
    // The dead process's lease runs out.
    settings.move_clock(20).await;
    // The log is written once a second: the last second's words may be gone, at 20 a second.
    let words = seen.split(' ').count();
    let kept: Vec<_> = seen.split(' ').take(words.saturating_sub(24)).collect();
    nothing_seen_is_lost(&settings, person, &kept.join(" ")).await;
}

#[tokio::test]
async fn the_answer_is_stored_although_its_client_left_after_the_first_frame() {
    let settings = Settings::sqlite().with("OFFLINE_MODEL_WORDS_PER_SECOND", "200");
    let server = settings.start().await;
    let person = server.log_in().await;
    let mut frames = person
        .stream("left", &format!("repeat after me: {}", words(50)))
        .await;
    read(&mut frames, 1).await;
    drop(frames);
    let replay = person
        .request(reqwest::Method::GET, "/api/v1/conversations/left/ledger/stream")
        .send()
        .await
        .unwrap();
    let replayed: Vec<_> = Frames::of(replay)
        .rest()
        .await
        .into_iter()
        .map(|frame| frame.event)
        .collect();
    let history = person.history("left").await;
    assert!(history[1].1.contains(&words(50)), "{history:?}");
    assert_eq!(text_of(&replayed), history[1].1);
}

#[tokio::test]
async fn a_replayed_frame_equals_the_sent_one_and_a_resumed_stream_goes_on_where_it_was_cut() {
    let server = Settings::sqlite().start().await;
    let person = server.log_in().await;
    let sent = person
        .stream("resumed", &format!("repeat after me: {}", words(20)))
        .await
        .rest()
        .await;
    let run = sent[0].id.split('.').next().unwrap().to_owned();
    for cut in [0, 1, 7, sent.len() - 1] {
        let path = format!("/api/v1/runs/{run}/stream");
        let resume = person
            .request(reqwest::Method::GET, &path)
            .header("last-event-id", &sent[cut].id);
        let mut frames = Frames::of(resume.send().await.unwrap());
        let mut rest = Vec::new();
        while let Some(frame) = frames.next().await {
            rest.push(frame);
        }
        assert_eq!(rest, sent[cut + 1..]);
    }
}

#[tokio::test]
async fn with_redis_a_reader_on_another_replica_sees_words_as_they_come_and_a_killed_run_loses_none_of_them()
{
    let redis = TestRedis::start().await;
    let settings = Settings::postgres().await.with_own_clock().await;
    let settings = settings
        .with("OFFLINE_MODEL_WORDS_PER_SECOND", "20")
        .with("REDIS_URL", redis.url());
    let (runner, reader) = (settings.start().await, settings.start().await);
    let person = runner.log_in().await;
    let mut frames = person
        .stream("shared", &format!("repeat after me: {}", words(100)))
        .await;
    let first = read(&mut frames, 3).await;
    let run = first[0]["stream_id"]
        .as_str()
        .unwrap()
        .replacen("chat_", "run_", 1);
    let elsewhere = person.at(&reader.url);
    let follow = elsewhere.request(reqwest::Method::GET, &format!("/api/v1/runs/{run}/stream"));
    let mut followed = Frames::of(follow.send().await.unwrap());
    let seen = text_of(&read(&mut followed, 40).await);
    assert!(seen.split(' ').count() > 30, "{seen}");
    runner.kill().await;

    // Its lease runs out; the other replica ends the run with every word that anybody saw.
    settings.move_clock(20).await;
    while let Some(frame) = followed.next().await {
        if frame.kind() == "error" {
            assert_eq!(frame.event["error"]["code"], "run_abandoned");
            break;
        }
    }
    let history = elsewhere.history("shared").await;
    assert!(history[1].1.starts_with(&seen), "{seen:?} {history:?}");
    stream_to_its_end(&elsewhere, "shared", "and now?").await;
    reader.stop().await;
}
