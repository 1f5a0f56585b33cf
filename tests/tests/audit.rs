//! The record of what happened only grows, and shows it when somebody changed it all the same.
#![cfg(test)]

use system_tests::{Settings, eventually};

#[tokio::test]
async fn a_changed_record_is_found_out() {
    let settings = Settings::postgres().await;
    let server = settings.start().await;
    let owner = server.log_in().await;
    let me = owner.get("/api/v1/auth/me").await;
    let tenant = me["data"]["tenant_id"].as_str().unwrap().to_owned();
    let database = settings.database().connect().await;
    let kinds = async || -> Vec<String> {
        let query = "SELECT kind FROM audit_events WHERE tenant_id::text = $1 ORDER BY day, number";
        let rows = database.query(query, &[&tenant]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    eventually("the login is in the record", async || {
        kinds().await.contains(&"auth.session_started".to_owned())
    })
    .await;
    let verify = async || {
        let walked = settings
            .command(&["admin", "verify-audit", &tenant])
            .output()
            .await
            .unwrap();
        (walked.status.success(), String::from_utf8(walked.stdout).unwrap())
    };
    let (whole, told) = verify().await;
    let count = kinds().await.len();
    assert!(
        whole && told.starts_with(&format!("whole: {count} entries of 1 days, up to ")),
        "{told}"
    );

    // What an operator does to the keys is in the platform's.
    settings.run(&["keys", "stage", "--replace"]).await;
    eventually("the change of keys is in the record", async || {
        let query =
            "SELECT payload->>'action' FROM audit_events WHERE kind = 'platform.signing_keys_changed'";
        let rows = database.query(query, &[]).await.unwrap();
        rows.iter().any(|row| row.get::<_, String>(0) == "replace")
    })
    .await;

    let forge = "UPDATE audit_events SET subject = 'nobody' WHERE kind = 'auth.session_started'";
    let refused = database.batch_execute(forge).await.unwrap_err();
    let refused = refused.as_db_error().unwrap().message().to_owned();
    assert_eq!(refused, "audit_events only grows");
    database
        .batch_execute("ALTER TABLE audit_events DISABLE TRIGGER audit_events_only_grow")
        .await
        .unwrap();
    database.batch_execute(forge).await.unwrap();
    let place = kinds()
        .await
        .iter()
        .position(|kind| kind == "auth.session_started")
        .unwrap()
        + 1;
    let (whole, told) = verify().await;
    assert!(
        !whole && told.starts_with(&format!("broken: entry {place} of ")),
        "{told}"
    );
    assert!(told.ends_with("is altered\n"), "{told}");
}
