//! What runs use, counted once, whatever happens to them and to the events that tell it. What titles use is in `titles.rs`.
#![cfg(test)]

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{Person, Settings, eventually, words};

/// Turns of the model and calls of tools.
type Count = (u64, u64);

async fn list(person: &Person, query: &str) -> Vec<Value> {
    let listed = person.get(&format!("/api/v1/usage?{query}")).await;
    listed["items"].as_array().unwrap().clone()
}

fn count_of(counters: &[Value]) -> Count {
    let sum = |member: &str| {
        counters
            .iter()
            .map(|counter| counter[member].as_u64().unwrap())
            .sum()
    };
    (sum("requests"), sum("tool_calls"))
}

/// Waits until so much is counted, in all and for the person.
async fn counted(person: &Person, tenants: Count, own: Count) {
    eventually(&format!("{tenants:?} and {own:?} are counted"), async || {
        let (all, mine) = (list(person, "").await, list(person, "scope=me").await);
        (count_of(&all), count_of(&mine)) == (tenants, own)
    })
    .await;
}

/// A turn of the model for each agent and each call, a call for each tool that answered.
async fn turn(person: &Person, message: &str) -> Count {
    let frames = person.stream("c", message).await.rest().await;
    let calls = frames
        .iter()
        .filter(|frame| frame.kind() == "tool.output")
        .count();
    let end = &frames.last().unwrap().event["final"];
    assert_eq!(end["status"], "completed", "{end}");
    (
        end["usage"]["requests"].as_u64().unwrap(),
        u64::try_from(calls).unwrap(),
    )
}

async fn refused(person: &Person, query: &str) -> (StatusCode, Value) {
    let answer = person.request(Method::GET, &format!("/api/v1/usage?{query}"));
    let answer = answer.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn a_kill_loses_and_doubles_nothing(settings: Settings) {
    let settings = settings
        .with("OFFLINE_MODEL_WORDS_PER_SECOND", "200")
        .with("CONVERSATION_TITLES", "off");
    let server = settings.start().await;
    let person = server.log_in().await;
    assert_eq!(list(&person, "").await, [json!(null); 0]);
    let mut expected = (0, 0);
    for (message, used) in [
        ("hello", (1, 0)),
        ("what time is it?", (2, 1)),
        ("please review my code", (2, 0)),
    ] {
        assert_eq!(turn(&person, message).await, used, "{message}");
        expected = (expected.0 + used.0, expected.1 + used.1);
    }
    let long = format!("repeat after me: {}", words(2000));
    let mut frames = person.stream("killed", &long).await;
    let mut seen = 0;
    while seen < 250 {
        seen += usize::from(frames.next().await.unwrap().kind() == "message.delta");
    }
    server.kill().await;

    // The dead process's lease runs out. Its run used one turn of the model, which never ended.
    settings.move_clock(20).await;
    let server = settings.start().await;
    let person = person.at(&server.url);
    expected.0 += 1;
    counted(&person, expected, expected).await;
    assert_eq!(turn(&person, "hello").await, (1, 0));
    expected.0 += 1;
    counted(&person, expected, expected).await;

    let months = list(&person, "granularity=month").await;
    assert_eq!(count_of(&months), expected);
    assert!(
        months.len() <= 2 && months[0]["granularity"] == "month",
        "{months:?}"
    );
    let scrape = person.request(Method::GET, "/metrics").send().await.unwrap();
    let scrape = scrape.text().await.unwrap();
    assert!(scrape.contains("chancery_usage_requests_total "), "{scrape}");
    assert!(!scrape.contains("tenant="), "{scrape}");
    server.stop().await;
}

#[tokio::test]
async fn after_a_kill_on_sqlite_the_totals_are_those_of_the_runs() {
    a_kill_loses_and_doubles_nothing(Settings::sqlite().with_own_clock().await).await;
}

#[tokio::test]
async fn after_a_kill_on_postgres_the_totals_are_those_of_the_runs() {
    a_kill_loses_and_doubles_nothing(Settings::postgres().await.with_own_clock().await).await;
}

#[tokio::test]
async fn two_replicas_that_get_events_again_count_each_use_once() {
    let settings = Settings::postgres().await.with_careful_agent();
    let settings = settings.with("CONVERSATION_TITLES", "off");
    let (one, other) = (settings.start().await, settings.start().await);
    let here = one.log_in().await;
    let there = here.at(&other.url);
    let mut expected = (0, 0);
    for number in 0..6 {
        let person = if number % 2 == 0 { &here } else { &there };
        let (requests, calls) = turn(person, "what time is it?").await;
        expected = (expected.0 + requests, expected.1 + calls);
    }
    // One that waits goes on at the other replica, one is stopped while it waits.
    for (key, goes_on) in [("d", true), ("e", false)] {
        let body = json!({"message": "search for word7", "conversation_id": key});
        let waiting: Value = here.post("/api/v1/chat", &body).await.json().await.unwrap();
        let (run, approval) = (
            waiting["run_id"].as_str().unwrap(),
            waiting["approval_id"].as_str().unwrap(),
        );
        if goes_on {
            let (path, yes) = (format!("/api/v1/approvals/{approval}"), json!({"approved": true}));
            assert_eq!(there.post(&path, &yes).await.status(), StatusCode::OK);
            expected = (expected.0 + 2, expected.1 + 1);
        } else {
            let stopped = there.request(Method::POST, &format!("/api/v1/runs/{run}/cancel"));
            assert_eq!(stopped.send().await.unwrap().status(), StatusCode::ACCEPTED);
            expected.0 += 1;
        }
    }
    counted(&here, expected, expected).await;

    // Everything that was told is told again, three times: as it was, and as other events.
    let database = settings.database().connect().await;
    let again = |id: &str| {
        format!(
            "INSERT INTO outbox (id, tenant_id, kind, subject, at, payload)
             SELECT {id}, tenant_id, kind, subject, at, payload FROM audit_events WHERE kind LIKE 'run.%' ORDER BY random()"
        )
    };
    for id in ["id", "gen_random_uuid()", "gen_random_uuid()"] {
        database.batch_execute(&again(id)).await.unwrap();
    }
    eventually("the outbox is empty", async || {
        let waiting = database
            .query_one("SELECT count(*) FROM outbox", &[])
            .await
            .unwrap();
        waiting.get::<_, i64>(0) == 0
    })
    .await;
    counted(&there, expected, expected).await;
    let records =
        "SELECT count(*) FILTER (WHERE call = 0), count(*) FILTER (WHERE call > 0) FROM usage_records";
    let records = database.query_one(records, &[]).await.unwrap();
    let records = (records.get::<_, i64>(0), records.get::<_, i64>(1));
    assert_eq!(
        (
            u64::try_from(records.0).unwrap(),
            u64::try_from(records.1).unwrap()
        ),
        expected
    );
}

#[tokio::test]
async fn a_member_sees_their_own_use_and_an_owner_everybodys() {
    let settings = Settings::sqlite().with("CONVERSATION_TITLES", "off");
    let server = settings.start().await;
    let owner = server.log_in().await;
    let member = owner.invite(&settings, "member@example.org", "member").await;
    turn(&owner, "what time is it?").await;
    turn(&member, "hello").await;
    counted(&owner, (3, 1), (2, 1)).await;
    assert_eq!(count_of(&list(&member, "scope=me").await), (1, 0));
    let (status, body) = refused(&member, "").await;
    assert_eq!(
        (status, &body["error"]),
        (StatusCode::FORBIDDEN, &json!("Forbidden")),
        "{body}"
    );

    let today = list(&owner, "").await[0]["period_start"].as_str().unwrap()[..10].to_owned();
    assert_eq!(
        count_of(&list(&owner, &format!("from={today}&to={today}")).await),
        (3, 1)
    );
    assert_eq!(list(&owner, "to=2020-01-01").await.len(), 0);
    let (status, body) = refused(&owner, "granularity=year&from=yesterday&limit=0").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let wrong: Vec<_> = body["details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|detail| &detail["loc"][1])
        .collect();
    assert_eq!(wrong, ["granularity", "from", "limit"]);
    let (status, body) = refused(&owner, "cursor=W10").await;
    assert_eq!(
        (status, &body["error"]),
        (StatusCode::BAD_REQUEST, &json!("invalid_cursor"))
    );
}
