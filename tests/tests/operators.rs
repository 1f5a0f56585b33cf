//! Staff of the platform look into a tenant only on purpose, with a reason, to read, and it is written down first.
#![cfg(test)]

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{OWNER_EMAIL, OWNER_PASSWORD, Person, Server, Settings, client, eventually};

const REASON: &str = "ticket 4711: an invitation never came";

/// The owner of the first tenant, and a second tenant with one person in it.
async fn two_tenants() -> (Settings, Server, Person, String) {
    let settings = Settings::postgres().await;
    let server = settings.start().await;
    let owner = server.log_in().await;
    let database = settings.database().connect().await;
    database
        .batch_execute(
            "INSERT INTO tenants (id, slug, name, state, created_at)
               SELECT gen_random_uuid(), 'elsewhere', 'Elsewhere', 'suspended', now();
             INSERT INTO users (id, email, email_canonical, email_verified_at, password_hash, state, created_at, updated_at)
               SELECT gen_random_uuid(), 'stranger@example.org', 'stranger@example.org', now(), password_hash, 'active', now(), now()
               FROM users;
             INSERT INTO memberships (tenant_id, user_id, role, created_at)
               SELECT tenants.id, users.id, 'owner', now() FROM tenants, users
               WHERE tenants.slug = 'elsewhere' AND users.email = 'stranger@example.org';",
        )
        .await
        .unwrap();
    let row = database
        .query_one("SELECT id::text FROM tenants WHERE slug = 'elsewhere'", &[])
        .await
        .unwrap();
    let elsewhere = row.get(0);
    (settings, server, owner, elsewhere)
}

async fn visit(person: &Person, method: Method, path: &str, headers: &[(&str, &str)]) -> (StatusCode, Value) {
    let request = headers
        .iter()
        .fold(person.request(method, path), |request, (name, text)| {
            request.header(*name, *text)
        });
    let answer = request.send().await.unwrap();
    let status = answer.status();
    (status, answer.json().await.unwrap_or_default())
}

/// Security.md 7.
#[tokio::test]
async fn an_operator_reads_in_a_tenant_with_a_reason_and_does_nothing_else_there() {
    let (settings, server, owner, elsewhere) = two_tenants().await;
    let full = [
        ("x-operator-override", "true"),
        ("x-operator-reason", REASON),
        ("x-tenant-id", elsewhere.as_str()),
    ];
    let (status, _) = visit(&owner, Method::GET, "/api/v1/members", &full).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "an owner is no operator");

    let made = settings
        .run(&["admin", "user", "make-operator", &owner.user_id().await])
        .await;
    assert_eq!(made, "an operator\n");
    owner.until_refused().await;
    let operator = Person::log_in(&server.url, OWNER_EMAIL, OWNER_PASSWORD).await;
    let emails = |listed: &Value| -> Vec<String> {
        let items = listed["items"].as_array().unwrap().iter();
        items
            .map(|item| item["email"].as_str().unwrap().to_owned())
            .collect()
    };
    let (status, own) = visit(&operator, Method::GET, "/api/v1/members", &full[2..]).await;
    assert_eq!(
        (status, emails(&own)),
        (StatusCode::OK, vec![OWNER_EMAIL.to_owned()])
    );
    let (status, theirs) = visit(&operator, Method::GET, "/api/v1/members", &full).await;
    assert_eq!(
        (status, emails(&theirs)),
        (StatusCode::OK, vec!["stranger@example.org".to_owned()]),
        "a stopped tenant too"
    );

    for (fault, headers, expected) in [
        ("no reason", vec![full[0], full[2]], StatusCode::BAD_REQUEST),
        (
            "a short reason",
            vec![full[0], ("x-operator-reason", "because"), full[2]],
            StatusCode::BAD_REQUEST,
        ),
        ("no tenant", vec![full[0], full[1]], StatusCode::BAD_REQUEST),
        (
            "another word",
            vec![("x-operator-override", "yes"), full[1], full[2]],
            StatusCode::BAD_REQUEST,
        ),
        (
            "nobody's tenant",
            vec![
                full[0],
                full[1],
                ("x-tenant-id", "018f3f66-5f0b-7cc0-8000-000000000001"),
            ],
            StatusCode::NOT_FOUND,
        ),
    ] {
        let (status, told) = visit(&operator, Method::GET, "/api/v1/members", &headers).await;
        assert_eq!(status, expected, "{fault}: {told}");
    }
    let invited = operator
        .request(Method::POST, "/api/v1/invitations")
        .header(full[0].0, full[0].1)
        .header(full[1].0, full[1].1)
        .header(full[2].0, full[2].1)
        .json(&json!({"email": "ada@example.org", "role": "owner"}));
    assert_eq!(invited.send().await.unwrap().status(), StatusCode::FORBIDDEN);

    let database = settings.database().connect().await;
    eventually("the visit is in the tenant's trail", async || {
        let found = database
            .query(
                "SELECT 1 FROM audit_events WHERE kind = 'tenant.access.override' AND tenant_id::text = $1",
                &[&elsewhere],
            )
            .await
            .unwrap();
        found.len() == 1
    })
    .await;
}

#[tokio::test]
async fn a_visit_that_cannot_be_written_down_is_not_made() {
    let (settings, server, owner, elsewhere) = two_tenants().await;
    settings
        .run(&["admin", "user", "make-operator", &owner.user_id().await])
        .await;
    let operator = Person::log_in(&server.url, OWNER_EMAIL, OWNER_PASSWORD).await;
    let database = settings.database().connect().await;
    database
        .batch_execute("ALTER TABLE outbox ADD CONSTRAINT nothing CHECK (kind <> 'tenant.access.override')")
        .await
        .unwrap();
    let answer = client()
        .get(format!("{}/api/v1/members", server.url))
        .bearer_auth(&operator.access_token)
        .header("x-operator-override", "true")
        .header("x-operator-reason", REASON)
        .header("x-tenant-id", &elsewhere)
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_server_error(), "{}", answer.status());
    assert!(!answer.text().await.unwrap().contains("stranger@example.org"));
}
