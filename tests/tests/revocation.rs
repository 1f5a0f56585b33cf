//! A token that was revoked is refused within a second, everywhere.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "real processes live in real time")]

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{OWNER_EMAIL, OWNER_PASSWORD, Person, Proxy, Server, Settings, client};

/// Whether the person's access token is taken, by a route that asks no store.
async fn status(person: &Person) -> StatusCode {
    let request = person.request(Method::GET, "/api/v1/agents");
    request.send().await.unwrap().status()
}

/// Waits until the person's access token is refused; gives how long that took. Fails after five seconds, which leaves room
/// for a busy machine: the measured figure is what counts.
async fn refused_after(person: &Person, since: Instant) -> Duration {
    while since.elapsed() < Duration::from_secs(5) {
        match status(person).await {
            StatusCode::UNAUTHORIZED => return since.elapsed(),
            StatusCode::OK => {}
            other => panic!("the token is answered with {other}"),
        }
    }
    panic!("the token is still good after five seconds");
}

async fn claims(person: &Person) -> Value {
    person.get("/api/v1/auth/me").await["data"]["token_payload"].clone()
}

/// The arguments of `admin revoke` for each thing a token can be revoked by.
fn arguments(kind: &str, claims: &Value) -> Vec<String> {
    let claim = |name: &str| claims[name].as_str().unwrap().to_owned();
    let target = match kind {
        "--jti" => claim("jti"),
        "--session" => claim("sid"),
        "--subject" => claim("sub"),
        "--tenant" => claim("tenant_id"),
        other => panic!("nothing is revoked by {other}"),
    };
    vec!["admin".to_owned(), "revoke".to_owned(), kind.to_owned(), target]
}

async fn revoke(settings: &Settings, kind: &str, claims: &Value) {
    let arguments = arguments(kind, claims);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    assert_eq!(settings.run(&arguments).await, "revoked\n");
}

async fn refresh_status(server: &Server, person: &Person) -> StatusCode {
    let body = json!({"refresh_token": person.refresh_token});
    let answer = person.at(&server.url).post("/api/v1/auth/refresh", &body).await;
    answer.status()
}

#[tokio::test]
async fn what_the_command_line_revokes_a_running_server_on_sqlite_refuses() {
    let settings = Settings::sqlite();
    let server = settings.start().await;
    let (email, password) = server.first_login();
    for (kind, refresh) in [
        ("--jti", StatusCode::OK),
        ("--session", StatusCode::UNAUTHORIZED),
        ("--subject", StatusCode::UNAUTHORIZED),
        ("--tenant", StatusCode::UNAUTHORIZED),
    ] {
        let person = Person::log_in(&server.url, &email, &password).await;
        let claims = claims(&person).await;
        revoke(&settings, kind, &claims).await;
        refused_after(&person, Instant::now()).await;
        assert_eq!(refresh_status(&server, &person).await, refresh, "{kind}");
        // Whoever logs in again is in again: only what was before has ended.
        let again = Person::log_in(&server.url, &email, &password).await;
        assert_eq!(status(&again).await, StatusCode::OK, "{kind}");
    }
}

#[tokio::test]
async fn logging_out_ends_the_access_token_too() {
    let server = Settings::sqlite().start().await;
    let person = server.log_in().await;
    let since = Instant::now();
    let body = json!({"refresh_token": person.refresh_token});
    assert_eq!(
        person.post("/api/v1/auth/logout", &body).await.status(),
        StatusCode::OK
    );
    refused_after(&person, since).await;
    let url = format!("{}/metrics", server.url);
    let metrics = client().get(url).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("\ntoken_revocations_held 1\n"), "{metrics}");
    assert!(
        metrics.contains("\ntoken_revocations_age_seconds 0."),
        "{metrics}"
    );
}

#[tokio::test]
async fn people_see_where_they_are_logged_in_and_end_one_session_or_all() {
    let settings = Settings::sqlite();
    let server = settings.start().await;
    let (email, password) = server.first_login();
    let mut people = Vec::new();
    for _ in 0..3 {
        people.push(Person::log_in(&server.url, &email, &password).await);
    }
    let listed = people[0].get("/api/v1/auth/sessions?limit=2").await;
    assert_eq!((&listed["total"], &listed["limit"]), (&json!(3), &json!(2)));
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 2);
    let rest = people[0].get("/api/v1/auth/sessions?offset=2").await;
    let own = claims(&people[0]).await["sid"].clone();
    let current = rest["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["current"] == true);
    assert_eq!(current.unwrap()["id"], own);
    assert_eq!(current.unwrap()["ip_address_masked"], "127.0.0.0");

    let path = format!(
        "/api/v1/auth/sessions/{}",
        claims(&people[1]).await["sid"].as_str().unwrap()
    );
    for revoked in [true, false] {
        let request = people[0].request(Method::DELETE, &path);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["data"]["revoked"], revoked, "{answer}");
    }
    refused_after(&people[1], Instant::now()).await;
    assert_eq!(people[0].get("/api/v1/auth/sessions").await["total"], 2);
    let past = people[0].get("/api/v1/auth/sessions?include_revoked=true").await;
    assert_eq!(past["total"], 3);

    let answer = people[0].post("/api/v1/auth/logout/all", &json!({})).await;
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["data"]["revoked"], 2, "{answer}");
    for person in [&people[0], &people[2]] {
        refused_after(person, Instant::now()).await;
        assert_eq!(refresh_status(&server, person).await, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn two_replicas_refuse_within_the_bound_and_one_started_afterwards_at_once() {
    let settings = Settings::postgres().await;
    let (one, other) = (settings.start().await, settings.start().await);
    let mut slowest = Duration::ZERO;
    for kind in ["--jti", "--session", "--subject", "--tenant"] {
        let person = Person::log_in(&one.url, OWNER_EMAIL, OWNER_PASSWORD).await;
        let claims = claims(&person).await;
        assert_eq!(status(&person.at(&other.url)).await, StatusCode::OK);
        revoke(&settings, kind, &claims).await;
        let since = Instant::now();
        let elsewhere = person.at(&other.url);
        let (here, there) = tokio::join!(refused_after(&person, since), refused_after(&elsewhere, since));
        slowest = slowest.max(here).max(there);
        let late = settings.start().await;
        assert_eq!(
            status(&person.at(&late.url)).await,
            StatusCode::UNAUTHORIZED,
            "{kind}"
        );
    }
    println!("the slowest of 8 revocations took {slowest:?}");
}

#[tokio::test]
async fn everything_a_compromised_key_signed_is_refused_and_its_sessions_have_ended() {
    let settings = Settings::postgres().await;
    let (one, other) = (settings.start().await, settings.start().await);
    let person = Person::log_in(&one.url, OWNER_EMAIL, OWNER_PASSWORD).await;
    let listed = settings.run(&["keys", "list"]).await;
    let active = listed.lines().find_map(|line| line.strip_prefix("active"));
    let kid = active.unwrap().split_whitespace().next().unwrap();
    settings.run(&["keys", "compromise", kid]).await;
    let since = Instant::now();
    for server in [&one, &other] {
        refused_after(&person.at(&server.url), since).await;
    }
    println!(
        "a compromised key's token was last taken {:?} after",
        since.elapsed()
    );
    assert_eq!(refresh_status(&one, &person).await, StatusCode::UNAUTHORIZED);
    // The spare signs now.
    let again = Person::log_in(&other.url, OWNER_EMAIL, OWNER_PASSWORD).await;
    assert_eq!(status(&again.at(&one.url)).await, StatusCode::OK);
    let jwks = again.get("/.well-known/jwks.json").await.to_string();
    assert!(!jwks.contains(kid));
}

#[tokio::test]
async fn while_postgres_is_silent_nobody_is_let_in_and_afterwards_everybody_is() {
    let settings = Settings::postgres().await;
    let proxy = Proxy::before(settings.database().url()).await;
    let settings = settings.with("DATABASE_URL", proxy.url());
    let servers = [settings.start().await, settings.start().await];
    let person = Person::log_in(&servers[0].url, OWNER_EMAIL, OWNER_PASSWORD).await;
    proxy.pause();
    let since = Instant::now();
    for server in &servers {
        let person = person.at(&server.url);
        while status(&person).await == StatusCode::OK {
            assert!(since.elapsed() < Duration::from_secs(5), "a token is still taken");
        }
        let request = person.request(Method::GET, "/api/v1/agents");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key("retry-after"));
    }
    println!("refused {:?} after Postgres fell silent", since.elapsed());
    proxy.resume();
    for server in &servers {
        let person = person.at(&server.url);
        let since = Instant::now();
        while status(&person).await != StatusCode::OK {
            assert!(since.elapsed() < Duration::from_secs(20), "it is not well again");
        }
    }
}
