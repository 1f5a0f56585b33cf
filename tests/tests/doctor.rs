//! `chancery doctor` names each fault and its remedy.
#![cfg(test)]

use std::os::unix::fs::PermissionsExt;

use system_tests::Settings;

/// What doctor prints, and whether it was content.
async fn doctor(settings: &Settings) -> (bool, String) {
    let output = settings.command(&["doctor"]).output().await.unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

async fn assert_fault(settings: &Settings, what: &str, remedy: &str) {
    let (content, printed) = doctor(settings).await;
    assert!(!content, "{printed}");
    let fault = printed
        .lines()
        .position(|line| line.starts_with("FAULT") && line.contains(what));
    let fault = fault.unwrap_or_else(|| panic!("no fault of {what}:\n{printed}"));
    let advice = printed.lines().nth(fault + 1).unwrap();
    assert!(advice.contains("remedy:") && advice.contains(remedy), "{printed}");
}

#[tokio::test]
async fn a_fresh_folder_is_fine() {
    let (content, printed) = doctor(&Settings::sqlite()).await;
    assert!(content, "{printed}");
}

#[tokio::test]
async fn a_database_that_is_down_is_named() {
    let settings = Settings::sqlite().with(
        "DATABASE_URL",
        "postgres://ada:secret-password@127.0.0.1:1/chancery",
    );
    assert_fault(&settings, "database", "start the database").await;
    assert!(!doctor(&settings).await.1.contains("secret-password"));
}

#[tokio::test]
async fn a_wrong_database_password_is_named_and_not_shown() {
    let settings = Settings::postgres().await;
    let mut url = url::Url::parse(settings.database().url()).unwrap();
    url.set_password(Some("wrong-secret")).unwrap();
    let settings = settings.with("DATABASE_URL", url);
    assert_fault(&settings, "password authentication failed", "password").await;
    assert!(!doctor(&settings).await.1.contains("wrong-secret"));
}

#[tokio::test]
async fn pending_migrations_are_named() {
    let settings = Settings::postgres().await.with("AUTO_RUN_MIGRATIONS", "false");
    assert_fault(&settings, "schema", "chancery migrate run").await;
}

#[tokio::test]
async fn a_key_file_that_others_can_read_is_named() {
    let settings = Settings::sqlite();
    settings.start().await.stop().await;
    let file = settings.folder().join("data/keys/api.json");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_fault(&settings, "keys", "chmod 600").await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    assert_fault(&Settings::sqlite().with("PORT", port), "port", "PORT").await;
}

#[tokio::test]
async fn a_model_that_does_not_answer_is_named() {
    let settings = Settings::sqlite().with("OPENAI_BASE_URL", "http://127.0.0.1:1/v1");
    assert_fault(&settings, "model", "OPENAI_BASE_URL").await;
    assert_fault(
        &Settings::sqlite().with("OPENAI_BASE_URL", "nonsense"),
        "settings",
        "chancery.toml",
    )
    .await;
}
