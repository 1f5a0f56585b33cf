//! Who tries passwords is held back, and nobody can lock somebody else out.
#![cfg(test)]

use reqwest::StatusCode;
use serde_json::{Value, json};
use system_tests::{OWNER_EMAIL, OWNER_PASSWORD, Settings, TestRedis, client};

struct Try {
    status: StatusCode,
    body: String,
    retry_after: bool,
}

async fn log_in(url: &str, email: &str, password: &str, device: Option<&str>) -> Try {
    let mut body = json!({"email": email, "password": password});
    if let Some(device) = device {
        body["fingerprint"] = Value::from(device);
    }
    let request = client().post(format!("{url}/api/v1/auth/token")).json(&body);
    let answer = request.send().await.unwrap();
    Try {
        status: answer.status(),
        retry_after: answer.headers().contains_key("retry-after"),
        body: answer.text().await.unwrap(),
    }
}

const DEVICE: &str = "f3b1c0de-laptop";
const WRONG: &str = "not-the-password-1";

fn with_owner(settings: Settings) -> Settings {
    settings
        .with("BOOTSTRAP_OWNER_EMAIL", OWNER_EMAIL)
        .with("BOOTSTRAP_OWNER_PASSWORD", OWNER_PASSWORD)
}

#[tokio::test]
async fn of_six_tries_the_sixth_is_refused_even_with_the_right_password_but_not_on_a_known_device() {
    let server = with_owner(Settings::sqlite()).start().await;
    let known = log_in(&server.url, OWNER_EMAIL, OWNER_PASSWORD, Some(DEVICE)).await;
    assert_eq!(known.status, StatusCode::OK);
    let mut wrong = None;
    for _ in 0..5 {
        let answer = log_in(&server.url, OWNER_EMAIL, WRONG, None).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        wrong = Some(answer.body);
    }
    let locked = log_in(&server.url, OWNER_EMAIL, OWNER_PASSWORD, None).await;
    assert_eq!(
        (locked.status, Some(locked.body)),
        (StatusCode::UNAUTHORIZED, wrong)
    );
    let other_device = log_in(&server.url, OWNER_EMAIL, OWNER_PASSWORD, Some("another")).await;
    assert_eq!(other_device.status, StatusCode::UNAUTHORIZED);
    let known = log_in(&server.url, OWNER_EMAIL, OWNER_PASSWORD, Some(DEVICE)).await;
    assert_eq!(known.status, StatusCode::OK);
    // The owner is in: the tries are forgotten.
    let stranger = log_in(&server.url, OWNER_EMAIL, OWNER_PASSWORD, None).await;
    assert_eq!(stranger.status, StatusCode::OK);
}

#[tokio::test]
async fn a_network_that_guesses_is_told_to_wait_whoever_it_asks_for() {
    let settings = with_owner(Settings::sqlite()).with("AUTH_IP_LOCKOUT_THRESHOLD", "3");
    let server = settings.start().await;
    for n in 0..3 {
        let answer = log_in(&server.url, &format!("nobody{n}@example.org"), WRONG, None).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let answer = log_in(&server.url, OWNER_EMAIL, OWNER_PASSWORD, None).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.retry_after);
}

#[tokio::test]
async fn replicas_count_together_and_without_redis_they_still_log_in_refresh_and_revoke() {
    let mut redis = TestRedis::start().await;
    let settings = Settings::postgres().await.with("REDIS_URL", redis.url());
    let (one, other) = (settings.start().await, settings.start().await);
    let owner = log_in(&one.url, OWNER_EMAIL, OWNER_PASSWORD, Some(DEVICE)).await;
    assert_eq!(owner.status, StatusCode::OK);
    for server in [&one, &other, &one, &other, &one] {
        let answer = log_in(&server.url, OWNER_EMAIL, WRONG, None).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    for server in [&one, &other] {
        let answer = log_in(&server.url, OWNER_EMAIL, OWNER_PASSWORD, None).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }

    redis.kill().await;
    let owner = log_in(&other.url, OWNER_EMAIL, OWNER_PASSWORD, None).await;
    assert_eq!(owner.status, StatusCode::OK, "{}", owner.body);
    let pair: Value = serde_json::from_str(&owner.body).unwrap();
    let bearer = |server: &system_tests::Server, path: &str| {
        client()
            .get(format!("{}{path}", server.url))
            .bearer_auth(pair["access_token"].as_str().unwrap())
            .send()
    };
    assert_eq!(
        bearer(&one, "/api/v1/auth/me").await.unwrap().status(),
        StatusCode::OK
    );
    let refresh = json!({"refresh_token": pair["refresh_token"]});
    let refreshed = client()
        .post(format!("{}/api/v1/auth/refresh", one.url))
        .json(&refresh)
        .send()
        .await
        .unwrap();
    assert_eq!(refreshed.status(), StatusCode::OK);
    let me: Value = bearer(&one, "/api/v1/auth/me")
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let session = me["data"]["session_id"].as_str().unwrap();
    let revoked = settings.run(&["admin", "revoke", "--session", session]).await;
    assert_eq!(revoked, "revoked\n");
    for server in [&one, &other] {
        let mut tries = 0;
        while bearer(server, "/api/v1/agents").await.unwrap().status() == StatusCode::OK {
            tries += 1;
            assert!(tries < 10_000, "the token is still good");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_wrong_logins_at_once_over_two_replicas_five_reach_the_password() {
    let redis = TestRedis::start().await;
    let settings = Settings::postgres()
        .await
        .with("REDIS_URL", redis.url())
        .with("AUTH_IP_LOCKOUT_THRESHOLD", "0");
    let servers = [settings.start().await, settings.start().await];
    let tries = servers
        .iter()
        .cycle()
        .take(100)
        .map(|server| log_in(&server.url, OWNER_EMAIL, WRONG, None));
    for answer in futures::future::join_all(tries).await {
        // One that finds no room among the hashes is told so, and was counted.
        let told = [
            StatusCode::UNAUTHORIZED,
            StatusCode::SERVICE_UNAVAILABLE,
            StatusCode::TOO_MANY_REQUESTS,
        ];
        assert!(told.contains(&answer.status), "{}", answer.body);
    }
    let mut held_back = 0;
    for server in &servers {
        let metrics = client().get(format!("{}/metrics", server.url)).send();
        let text = metrics.await.unwrap().text().await.unwrap();
        let count = text
            .lines()
            .find_map(|line| line.strip_prefix("auth_lockouts_total{reason=\"address\"} "));
        held_back += count.map_or(0, |count| count.parse::<u32>().unwrap());
    }
    assert_eq!(held_back, 95);
}
