//! Signing keys where they are kept: shared, sealed, and never older than they were.
#![cfg(test)]

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use diesel::{Connection, RunQueryDsl, SqliteConnection, sql_query, sql_types};
use serde_json::Value;
use system_tests::{Person, Settings, client, eventually};

const FIRST_KEY: &str = "first:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER_FIRST_KEY: &str = "first:HxwdHh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRo=";
const SECOND_KEY: &str = "second:HxwdHh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRo=";

fn sealed_with(settings: Settings, keys: &str) -> Settings {
    settings
        .with("AUTH_KEY_STORAGE_BACKEND", "sql")
        .with("AUTH_KEY_ENCRYPTION_KEYS", keys)
}

fn database(settings: &Settings) -> SqliteConnection {
    let file = settings.folder().join("data/chancery.db");
    SqliteConnection::establish(file.to_str().unwrap()).unwrap()
}

/// What a start that has to fail says.
async fn refusal_to_start(settings: &Settings) -> String {
    let output = settings.command(&[]).output().await.unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

async fn kids(settings: &Settings) -> Vec<(String, String)> {
    let listed = settings.run(&["keys", "list"]).await;
    let keys = listed.lines().skip(1);
    keys.map(|line| {
        let mut words = line.split_whitespace().map(ToOwned::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    })
    .collect()
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = sql_types::BigInt)]
    version: i64,
    #[diesel(sql_type = sql_types::Binary)]
    sealed: Vec<u8>,
}

fn row(settings: &Settings) -> Row {
    sql_query("SELECT version, sealed FROM key_sets WHERE name = 'api'")
        .get_result(&mut database(settings))
        .unwrap()
}

fn put_back(settings: &Settings, version: i64, sealed: &[u8]) {
    sql_query("UPDATE key_sets SET version = ?, sealed = ? WHERE name = 'api'")
        .bind::<sql_types::BigInt, _>(version)
        .bind::<sql_types::Binary, _>(sealed)
        .execute(&mut database(settings))
        .unwrap();
}

#[tokio::test]
async fn an_old_row_a_moved_one_a_wrong_key_and_a_missing_key_are_four_different_errors_at_the_start() {
    let settings = sealed_with(Settings::sqlite(), FIRST_KEY);
    settings.start().await.stop().await;
    let old = row(&settings);
    let spare = kids(&settings).await[1].1.clone();
    settings.run(&["keys", "compromise", &spare]).await;
    let new = row(&settings);

    put_back(&settings, old.version, &old.sealed);
    let old_row = refusal_to_start(&settings).await;
    assert!(old_row.contains("an old copy was put back"), "{old_row}");
    put_back(&settings, new.version, &old.sealed);
    let moved = refusal_to_start(&settings).await;
    assert!(moved.contains("was changed, or moved"), "{moved}");
    put_back(&settings, new.version, &new.sealed);
    let wrong = refusal_to_start(&sealed_with(settings.clone(), OTHER_FIRST_KEY)).await;
    assert!(wrong.contains("another key than the one called first"), "{wrong}");
    let missing = refusal_to_start(&sealed_with(settings.clone(), SECOND_KEY)).await;
    assert!(
        missing.contains("the key first, which is not configured"),
        "{missing}"
    );
    settings.start().await.stop().await;
}

#[tokio::test]
async fn keys_in_the_database_survive_a_restart_and_a_change_of_the_sealing_key() {
    let settings = sealed_with(Settings::sqlite(), FIRST_KEY);
    let server = settings.start().await;
    let person = server.log_in().await;
    server.stop().await;
    let both = sealed_with(settings.clone(), &format!("{SECOND_KEY},{FIRST_KEY}"));
    assert_eq!(
        both.run(&["keys", "rewrap"]).await,
        "sealed anew: api\nsealed anew: trust\n"
    );
    let server = sealed_with(settings.clone(), SECOND_KEY).start().await;
    person.at(&server.url).get("/api/v1/auth/me").await;
    assert!(!settings.folder().join("data/keys").exists());
}

#[tokio::test]
async fn yesterdays_key_file_is_refused_until_an_operator_accepts_it() {
    let settings = Settings::sqlite();
    settings.start().await.stop().await;
    let file = settings.folder().join("data/keys/api.json");
    let yesterday = std::fs::read(&file).unwrap();
    let active = kids(&settings).await[0].1.clone();
    settings.run(&["keys", "compromise", &active]).await;

    std::fs::write(&file, yesterday).unwrap();
    let refused = refusal_to_start(&settings).await;
    assert!(refused.contains("an old copy was put back"), "{refused}");
    assert_eq!(
        settings.run(&["keys", "accept"]).await,
        "accepted: api\naccepted: trust\n"
    );
    settings.start().await.stop().await;
}

#[tokio::test]
async fn a_replica_with_other_keys_does_not_start() {
    let settings = Settings::postgres().await;
    let server = settings.start().await;
    let elsewhere = settings.clone().with("AUTH_KEY_STORAGE_PATH", "other-keys");
    let refused = refusal_to_start(&elsewhere).await;
    assert!(
        refused.contains("other keys") || refused.contains("an old copy was put back"),
        "{refused}"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_spare_signs_only_after_verifiers_had_the_time_to_learn_it_and_old_tokens_stay_good() {
    let settings = sealed_with(Settings::postgres().await, FIRST_KEY)
        .with_own_clock()
        .await;
    let servers = [settings.start().await, settings.start().await];
    let person = servers[0].log_in().await;
    let before = kids(&settings).await;
    let refused = settings.command(&["keys", "promote"]).output().await.unwrap();
    assert!(!refused.status.success());
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(
        told.contains("verifiers may not know the staged key before"),
        "{told}"
    );

    settings.move_clock(601).await;
    settings.run(&["keys", "promote"]).await;
    let after = kids(&settings).await;
    assert_eq!((after[0].0.as_str(), &after[0].1), ("retiring", &before[0].1));
    assert_eq!((after[1].0.as_str(), &after[1].1), ("active", &before[1].1));
    assert_eq!(after[2].0, "staged");
    for server in &servers {
        // A refresh token outlives the key that signed it, and the access token is of the new key soon.
        let body = serde_json::json!({"refresh_token": person.refresh_token});
        let answer = person.at(&server.url).post("/api/v1/auth/refresh", &body).await;
        let pair: Value = answer.json().await.unwrap();
        let fresh = person
            .at(&server.url)
            .with_access_token(pair["access_token"].as_str().unwrap());
        for server in &servers {
            fresh.at(&server.url).get("/api/v1/auth/me").await;
        }
    }
    let rows = settings.database().connect().await;
    for row in rows.query("SELECT sealed FROM key_sets", &[]).await.unwrap() {
        let sealed: Vec<u8> = row.get(0);
        assert!(!String::from_utf8_lossy(&sealed).contains("private_key"));
    }
}

#[tokio::test]
async fn the_published_document_never_holds_a_key_that_was_erased() {
    let settings = Settings::sqlite();
    let server = settings.start().await;
    let person = server.log_in().await;
    let spare = kids(&settings).await[1].1.clone();
    settings.run(&["keys", "compromise", &spare]).await;
    let listed = kids(&settings).await;
    assert!(listed.contains(&("compromised".to_owned(), spare.clone())));
    assert!(listed.iter().any(|(state, _)| state == "staged"), "a new spare");
    server.stop().await;
    let server = settings.start().await;
    let url = format!("{}/.well-known/jwks.json", server.url);
    let document = client().get(url).send().await.unwrap().text().await.unwrap();
    assert!(!document.contains(&spare));
    person.at(&server.url).get("/api/v1/auth/me").await;
    let file = std::fs::read_to_string(settings.folder().join("data/keys/api.json")).unwrap();
    let stored: Value = serde_json::from_str(&file).unwrap();
    for key in stored["keys"].as_array().unwrap() {
        let may_sign = key["state"] == "active" || key["state"] == "staged";
        assert_eq!(key.get("private_key").is_some(), may_sign, "{}", key["state"]);
    }
}

/// Security.md 1: two key sets.
#[tokio::test]
async fn both_sets_are_published_together_and_changed_apart() {
    let settings = Settings::sqlite();
    let server = settings.start().await;
    let api = settings.run(&["keys", "list"]).await;
    let before = settings.run(&["keys", "list", "--set", "trust"]).await;
    let active = before
        .lines()
        .find_map(|line| line.strip_prefix("active"))
        .unwrap();
    let active = active.split_whitespace().next().unwrap();
    let published = async || {
        client()
            .get(format!("{}/.well-known/jwks.json", server.url))
            .send()
            .await
    };
    let document: Value = published().await.unwrap().json().await.unwrap();
    let keys = document["keys"].as_array().unwrap();
    let algorithms: Vec<_> = keys.iter().map(|key| key["alg"].as_str().unwrap()).collect();
    assert_eq!(algorithms, ["EdDSA", "EdDSA", "ES256", "ES256"]);

    settings
        .run(&["keys", "--set", "trust", "compromise", active])
        .await;
    eventually("the compromised key is published no more", async || {
        !published().await.unwrap().text().await.unwrap().contains(active)
    })
    .await;
    assert_eq!(settings.run(&["keys", "list"]).await, api);
    server.stop().await;
}

/// Security.md 1: a staged key signs only when every live replica has acknowledged serving it.
#[tokio::test]
async fn a_replica_that_hangs_holds_up_a_promotion_until_it_counts_as_gone() {
    let settings = sealed_with(Settings::postgres().await, FIRST_KEY)
        .with_own_clock()
        .await;
    let (_one, hanging) = (settings.start().await, settings.start().await);
    hanging.signal("STOP").await;
    settings.run(&["keys", "stage", "--replace"]).await;
    let refused = settings.command(&["keys", "promote"]).output().await.unwrap();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("does not publish the staged key yet"), "{told}");
    eventually("the new spare is published", async || {
        !settings
            .run(&["keys", "list"])
            .await
            .contains("not published yet")
    })
    .await;
    // Ten minutes later it has been silent for longer than a replica may; the other one has the new spare.
    settings.move_clock(660).await;
    eventually("the promotion waits for nobody", async || {
        settings
            .command(&["keys", "promote"])
            .status()
            .await
            .unwrap()
            .success()
    })
    .await;
    hanging.signal("CONT").await;
}

#[tokio::test]
async fn a_second_token_comes_with_the_first_while_a_rollout_is_under_way() {
    let settings = Settings::sqlite()
        .with("AUTH_DUAL_SIGNING_ENABLED", "true")
        .with_own_clock()
        .await;
    let server = settings.start().await;
    let (email, password) = server.first_login();
    let log_in = async || -> Value {
        let body = serde_json::json!({"email": email, "password": password});
        let request = client()
            .post(format!("{}/api/v1/auth/token", server.url))
            .json(&body);
        request.send().await.unwrap().json().await.unwrap()
    };
    assert!(
        log_in().await.get("secondary_access_token").is_none(),
        "verifiers may not know the key yet"
    );
    settings.move_clock(601).await;
    let pair = log_in().await;
    let part = |token: &Value, place: usize| -> Value {
        let text = token.as_str().unwrap().split('.').nth(place).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    let (first, second) = (&pair["access_token"], &pair["secondary_access_token"]);
    assert_eq!(
        part(first, 1),
        part(second, 1),
        "the same claims, jti and exp among them"
    );
    let keys = kids(&settings).await;
    assert_eq!(part(first, 0)["kid"].as_str(), Some(keys[0].1.as_str()));
    assert_eq!(part(second, 0)["kid"].as_str(), Some(keys[1].1.as_str()));
    // The canary takes it; after the promotion its key is the one that signs.
    let canary = Person::log_in(&server.url, &email, &password).await;
    canary
        .with_access_token(second.as_str().unwrap())
        .get("/api/v1/auth/me")
        .await;
    settings.run(&["keys", "promote"]).await;
    let refresh = serde_json::json!({"refresh_token": pair["refresh_token"]});
    let mut promoted = Value::Null;
    eventually("the promoted key signs", async || {
        let answer = canary.post("/api/v1/auth/refresh", &refresh).await;
        promoted = answer.json().await.unwrap();
        promoted["kid"].as_str() == Some(keys[1].1.as_str())
    })
    .await;
    assert!(promoted.get("secondary_access_token").is_none());
}

/// Security.md 1: kill -9 at any step of the file's write leaves a set that can be loaded.
#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "the moment of the kill is what is tried out"
)]
async fn a_kill_while_keys_are_written_leaves_a_set_that_can_be_loaded() {
    let settings = Settings::sqlite();
    settings.start().await.stop().await;
    for step in 0..24_u64 {
        let mut staging = settings
            .command(&["keys", "stage", "--replace"])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(4 * step)).await;
        // It may have ended by itself.
        let _ = staging.kill().await;
        let keys = kids(&settings).await;
        assert!(
            keys.iter().any(|(state, _)| state == "active"),
            "killed after {} ms",
            4 * step
        );
    }
    settings.run(&["keys", "stage", "--replace"]).await;
    settings.start().await.stop().await;
}
