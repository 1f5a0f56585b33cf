//! Nothing secret leaves through the log, the metrics or an error.
#![cfg(test)]

use reqwest::Method;
use serde_json::json;
use system_tests::Settings;

#[tokio::test]
async fn neither_the_log_nor_the_metrics_hold_a_password_a_token_a_pepper_or_a_key() {
    let settings = Settings::sqlite().with("LOG_LEVEL", "trace");
    let server = settings.start().await;
    let (_, password) = server.first_login();
    let person = server.log_in().await;
    person.chat("c", "what time is it?").await;
    let wrong = "a-wrong-password-42";
    person
        .post(
            "/api/v1/auth/token",
            &json!({"email": "x@example.org", "password": wrong}),
        )
        .await;
    person
        .post("/api/v1/auth/token", &json!({"email": 7, "password": wrong}))
        .await;
    person
        .post(
            "/api/v1/auth/refresh",
            &json!({"refresh_token": person.refresh_token}),
        )
        .await;
    let metrics = person
        .request(Method::GET, "/metrics")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    server.stop().await;

    let data = settings.folder().join("data");
    let peppers = std::fs::read_to_string(data.join("secrets.toml")).unwrap();
    let keys = std::fs::read_to_string(data.join("keys/api.json")).unwrap();
    let mut secrets = vec![
        password,
        wrong.to_owned(),
        person.access_token.clone(),
        person.refresh_token.clone(),
    ];
    secrets.extend(
        peppers
            .split('"')
            .filter(|text| text.len() > 30 && !text.contains(' '))
            .map(ToOwned::to_owned),
    );
    let before = secrets.len();
    secrets.extend(private_halves(&serde_json::from_str(&keys).unwrap()));
    assert!(secrets.len() > before, "no private key was found to look for");
    let log = settings.log();
    assert!(log.contains("http.request"), "the log is empty");
    for secret in secrets {
        assert!(!log.contains(&secret), "the log holds {}…", &secret[..8]);
        assert!(!metrics.contains(&secret), "the metrics hold {}…", &secret[..8]);
    }
}

/// Every private key of a stored set, wherever it stands.
fn private_halves(value: &serde_json::Value) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(members) = value.as_object() {
        let private = members.get("private_key").and_then(|key| key.as_str());
        found.extend(private.map(ToOwned::to_owned));
        found.extend(members.values().flat_map(private_halves));
    }
    found.extend(value.as_array().into_iter().flatten().flat_map(private_halves));
    found
}
