//! Machines whose calendars are wrong, and processes that die in the middle of a refresh.
#![cfg(test)]

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use system_tests::{Server, Settings, client};

async fn refresh(url: &str, token: &str) -> (StatusCode, Value) {
    let answer = client()
        .post(format!("{url}/api/v1/auth/refresh"))
        .json(&json!({"refresh_token": token}))
        .send()
        .await
        .unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn readiness(server: &Server) -> (StatusCode, String) {
    let answer = client()
        .get(format!("{}/health/ready", server.url))
        .send()
        .await
        .unwrap();
    (answer.status(), answer.text().await.unwrap())
}

fn issued_at(token: &str) -> i64 {
    let claims = token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    claims["iat"].as_i64().unwrap()
}

/// Security.md 3: 64-way over two replicas, one of them 9 s ahead: one successor, no kill.
#[tokio::test(flavor = "multi_thread")]
async fn of_64_refreshes_at_two_replicas_one_of_them_nine_seconds_ahead_comes_one_successor() {
    let settings = Settings::postgres().await;
    let (one, ahead) = (
        settings.start().await,
        settings.clone().on_a_machine(9).start().await,
    );
    let person = one.log_in().await;
    let servers = [&one, &ahead];
    let tries = servers
        .iter()
        .cycle()
        .take(64)
        .map(|server| refresh(&server.url, &person.refresh_token));
    let mut successors = Vec::new();
    for (status, pair) in join_all(tries).await {
        assert_eq!(status, StatusCode::OK, "{pair}");
        successors.push(pair["refresh_token"].as_str().unwrap().to_owned());
        for server in servers {
            let token = pair["access_token"].as_str().unwrap();
            person
                .at(&server.url)
                .with_access_token(token)
                .get("/api/v1/auth/me")
                .await;
        }
    }
    successors.sort();
    successors.dedup();
    assert_eq!(successors.len(), 1);
    assert_eq!(
        refresh(&ahead.url, &successors[0]).await.0,
        StatusCode::OK,
        "nobody was ended"
    );
    let (status, told) = readiness(&ahead).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(told.contains("9.0 s ahead of the database's"), "{told}");
    assert_eq!(readiness(&one).await.0, StatusCode::OK);
}

/// Security.md 4: a machine's calendar is not what tokens go by.
#[tokio::test]
async fn a_calendar_that_jumps_back_by_an_hour_changes_no_token() {
    let settings = Settings::postgres().await.on_a_machine(0);
    let server = settings.start().await;
    let person = server.log_in().await;
    let before = issued_at(&person.access_token);
    settings.move_machine(-3600);
    server.until_clock_moved(3600).await;
    person.get("/api/v1/auth/me").await;
    let (status, pair) = refresh(&server.url, &person.refresh_token).await;
    assert_eq!(status, StatusCode::OK, "{pair}");
    let fresh = pair["access_token"].as_str().unwrap();
    assert!((0..60).contains(&(issued_at(fresh) - before)));
    let again = server.log_in().await;
    assert!((0..60).contains(&(issued_at(&again.access_token) - before)));
    // A used token is as old as it is, and reuse of one ends its session.
    let revoked = again
        .request(reqwest::Method::POST, "/api/v1/auth/logout/all")
        .send()
        .await
        .unwrap();
    assert!(revoked.status().is_success());
    again.until_refused().await;
    let (status, told) = readiness(&server).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(told.contains("behind the database's"), "{told}");
}

/// Whatever was on its way when the process died, the old token gets a pair within the window.
#[expect(
    clippy::disallowed_methods,
    reason = "the moment of the kill is what is tried out"
)]
async fn survives_kills(settings: Settings) {
    let mut server = settings.start().await;
    let mut token = server.log_in().await.refresh_token;
    for millis in 0..10 {
        let url = server.url.clone();
        let dying = refresh_that_may_fail(&url, &token);
        let killed = async {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            server.kill().await;
        };
        futures::join!(dying, killed);
        server = settings.start().await;
        let (status, pair) = refresh(&server.url, &token).await;
        assert_eq!(status, StatusCode::OK, "killed after {millis} ms: {pair}");
        token = pair["refresh_token"].as_str().unwrap().to_owned();
    }
    let (status, pair) = refresh(&server.url, &token).await;
    assert_eq!(status, StatusCode::OK, "{pair}");
}

async fn refresh_that_may_fail(url: &str, token: &str) {
    let body = json!({"refresh_token": token});
    let request = client().post(format!("{url}/api/v1/auth/refresh")).json(&body);
    // Its end is the test's subject, not its answer.
    let _ = request.send().await;
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_refresh_leaves_the_session_usable_on_sqlite() {
    survives_kills(Settings::sqlite()).await;
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_refresh_leaves_the_session_usable_on_postgres() {
    survives_kills(Settings::postgres().await).await;
}
