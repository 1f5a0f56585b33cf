//! People of the real binary: passwords, mailed links, members and invitations.
#![cfg(test)]

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{OWNER_EMAIL, OWNER_PASSWORD, PASSWORD, Person, Server, Settings, client};

const OTHER: &str = "seven-Glaciers-hum-quietly-3";

async fn post(url: &str, path: &str, body: &Value) -> (StatusCode, Value) {
    let answer = client()
        .post(format!("{url}{path}"))
        .json(body)
        .send()
        .await
        .unwrap();
    (answer.status(), answer.json().await.unwrap_or_default())
}

async fn can_log_in(url: &str, email: &str, password: &str) -> bool {
    let body = json!({"email": email, "password": password});
    post(url, "/api/v1/auth/token", &body).await.0 == StatusCode::OK
}

async fn scene() -> (Settings, Server, Person) {
    let settings = Settings::sqlite()
        .with("BOOTSTRAP_OWNER_EMAIL", OWNER_EMAIL)
        .with("BOOTSTRAP_OWNER_PASSWORD", OWNER_PASSWORD);
    let server = settings.start().await;
    let owner = server.log_in().await;
    (settings, server, owner)
}

#[tokio::test]
async fn a_changed_password_ends_every_session_and_is_not_taken_again() {
    let (_settings, server, owner) = scene().await;
    let elsewhere = Person::log_in(&server.url, OWNER_EMAIL, OWNER_PASSWORD).await;
    let change = async |person: &Person, current: &str, new: &str| {
        let body = json!({"current_password": current, "new_password": new});
        let answer = person.post("/api/v1/auth/password/change", &body).await;
        (answer.status(), answer.json::<Value>().await.unwrap())
    };
    for (current, new, status, code) in [
        ("wrong", PASSWORD, StatusCode::FORBIDDEN, "invalid_credentials"),
        (
            OWNER_PASSWORD,
            "tiny-X-9",
            StatusCode::UNPROCESSABLE_ENTITY,
            "weak_password",
        ),
        (
            OWNER_PASSWORD,
            "Password123456789",
            StatusCode::UNPROCESSABLE_ENTITY,
            "weak_password",
        ),
        (
            OWNER_PASSWORD,
            OWNER_PASSWORD,
            StatusCode::UNPROCESSABLE_ENTITY,
            "weak_password",
        ),
    ] {
        let (got, refused) = change(&owner, current, new).await;
        assert_eq!(
            (got, refused["error"].as_str()),
            (status, Some(code)),
            "{new}: {refused}"
        );
        assert!(!refused.to_string().contains(new), "{refused}");
    }
    assert_eq!(change(&owner, OWNER_PASSWORD, PASSWORD).await.0, StatusCode::OK);
    for ended in [&owner, &elsewhere] {
        ended.until_refused().await;
        let refresh = json!({"refresh_token": ended.refresh_token});
        assert_eq!(
            post(&server.url, "/api/v1/auth/refresh", &refresh).await.0,
            StatusCode::UNAUTHORIZED
        );
    }
    assert!(!can_log_in(&server.url, OWNER_EMAIL, OWNER_PASSWORD).await);
    let again = Person::log_in(&server.url, OWNER_EMAIL, PASSWORD).await;
    let (status, refused) = change(&again, PASSWORD, OWNER_PASSWORD).await;
    assert_eq!(
        (status, refused["details"][0]["type"].as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, Some("reused"))
    );
}

#[tokio::test]
async fn a_forgotten_password_is_chosen_anew_by_mail_once() {
    let (settings, server, owner) = scene().await;
    let forgot = async |email: &str| {
        post(
            &server.url,
            "/api/v1/auth/password/forgot",
            &json!({"email": email}),
        )
        .await
    };
    let known = forgot(OWNER_EMAIL).await;
    let unknown = forgot("nobody@example.org").await;
    let no_address = forgot("no address").await;
    assert_eq!(known.0, StatusCode::ACCEPTED);
    assert_eq!(known, unknown, "whether somebody is known shows");
    assert_eq!(known, no_address);
    let token = settings.mailed_token(0).await;
    let confirm = async |token: &str, new: &str| {
        let body = json!({"token": token, "new_password": new});
        post(&server.url, "/api/v1/auth/password/confirm", &body).await
    };
    assert_eq!(
        confirm(&token, "weak").await.0,
        StatusCode::UNPROCESSABLE_ENTITY,
        "the link is not used up"
    );
    let mut forged = token.clone();
    forged.replace_range(10..11, if &token[10..11] == "A" { "B" } else { "A" });
    assert_eq!(confirm(&forged, PASSWORD).await.1["error"], "invalid_token");
    assert_eq!(confirm(&token, PASSWORD).await.0, StatusCode::OK);
    assert_eq!(
        confirm(&token, OTHER).await.1["error"],
        "invalid_token",
        "it counts once"
    );
    owner.until_refused().await;
    assert!(can_log_in(&server.url, OWNER_EMAIL, PASSWORD).await);
    assert!(!can_log_in(&server.url, OWNER_EMAIL, OWNER_PASSWORD).await);
    assert_eq!(settings.mails().len(), 1);
    // No token stands in the log.
    assert!(!settings.log().contains(&token));
}

#[tokio::test]
async fn an_invitation_gives_no_power_before_it_is_accepted() {
    let (settings, server, owner) = scene().await;
    let invite = async |by: &Person, role: &str| {
        let body = json!({"email": "ada@example.org", "role": role});
        by.post("/api/v1/invitations", &body).await.status()
    };
    assert_eq!(invite(&owner, "admin").await, StatusCode::CREATED);
    let token = settings.mailed_token(0).await;
    assert!(!can_log_in(&server.url, "ada@example.org", PASSWORD).await);
    let listed = owner.get("/api/v1/invitations").await;
    assert_eq!(listed["items"][0]["email"], "ada@example.org");
    let accept = async |token: &str, password: Option<&str>| {
        let body = json!({"token": token, "password": password});
        post(&server.url, "/api/v1/invitations/accept", &body).await
    };
    assert_eq!(
        accept(&token, None).await.0,
        StatusCode::UNPROCESSABLE_ENTITY,
        "somebody new chooses a password"
    );
    assert_eq!(accept(&token, Some(PASSWORD)).await.0, StatusCode::OK);
    assert_eq!(accept(&token, Some(OTHER)).await.0, StatusCode::BAD_REQUEST);
    let ada = Person::log_in(&server.url, "ada@example.org", PASSWORD).await;
    let me = ada.get("/api/v1/auth/me").await;
    assert_eq!(me["data"]["role"], "admin");
    let profile = json!({"sub": me["data"]["user_id"], "email": "ada@example.org", "email_verified": true});
    assert_eq!(ada.get("/oauth/userinfo").await, profile);
    assert_eq!(owner.get("/api/v1/invitations").await["items"], json!([]));
    assert_eq!(
        invite(&owner, "viewer").await,
        StatusCode::CONFLICT,
        "a member already"
    );

    // Nobody gives a role above their own, and what is taken back is of no use.
    let body = json!({"email": "eve@example.org", "role": "owner"});
    assert_eq!(
        ada.post("/api/v1/invitations", &body).await.status(),
        StatusCode::FORBIDDEN
    );
    let body = json!({"email": "eve@example.org", "role": "viewer"});
    let invitation: Value = ada.post("/api/v1/invitations", &body).await.json().await.unwrap();
    let token = settings.mailed_token(1).await;
    let path = format!("/api/v1/invitations/{}", invitation["id"].as_str().unwrap());
    let withdrawn = ada.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(withdrawn.status(), StatusCode::NO_CONTENT);
    assert_eq!(accept(&token, Some(PASSWORD)).await.1["error"], "invalid_token");
}

#[tokio::test]
async fn a_lowered_or_removed_members_token_ends_within_a_second_on_every_replica() {
    let settings = Settings::postgres().await;
    let (one, other) = (settings.start().await, settings.start().await);
    let owner = one.log_in().await;
    let ada = owner.invite(&settings, "ada@example.org", "admin").await;
    let path = format!("/api/v1/members/{}", ada.user_id().await);
    ada.at(&other.url).get("/api/v1/tools").await;
    let lowered = owner
        .request(Method::PATCH, &path)
        .json(&json!({"role": "viewer"}));
    assert_eq!(lowered.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    ada.at(&other.url).until_refused().await;
    // The session goes on, with less.
    let refresh = json!({"refresh_token": ada.refresh_token});
    let (status, pair) = post(&other.url, "/api/v1/auth/refresh", &refresh).await;
    assert_eq!(status, StatusCode::OK);
    let ada = ada.with_access_token(pair["access_token"].as_str().unwrap());
    assert_eq!(
        ada.post("/api/v1/chat", &json!({"message": "hi"})).await.status(),
        StatusCode::FORBIDDEN
    );

    let removed = owner.request(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(removed.status(), StatusCode::NO_CONTENT);
    ada.at(&other.url).until_refused().await;
    let refresh = json!({"refresh_token": pair["refresh_token"]});
    assert_eq!(
        post(&one.url, "/api/v1/auth/refresh", &refresh).await.0,
        StatusCode::UNAUTHORIZED
    );
    assert!(!can_log_in(&one.url, "ada@example.org", PASSWORD).await);
}

#[tokio::test]
async fn of_two_owners_who_remove_each_other_at_once_one_stays() {
    let settings = Settings::postgres().await;
    let server = settings.start().await;
    let owner = server.log_in().await;
    let ada = owner.invite(&settings, "ada@example.org", "owner").await;
    let (owner_id, ada_id) = (owner.user_id().await, ada.user_id().await);
    let remove = async |by: &Person, user: &str| {
        let path = format!("/api/v1/members/{user}");
        by.request(Method::DELETE, &path).send().await.unwrap().status()
    };
    let (one, other) = tokio::join!(remove(&owner, &ada_id), remove(&ada, &owner_id));
    let done = [one, other]
        .iter()
        .filter(|status| **status == StatusCode::NO_CONTENT)
        .count();
    assert_eq!(done, 1, "{one} {other}");
    let left = if one == StatusCode::NO_CONTENT {
        Person::log_in(&server.url, OWNER_EMAIL, OWNER_PASSWORD).await
    } else {
        Person::log_in(&server.url, "ada@example.org", PASSWORD).await
    };
    let members = left.get("/api/v1/members").await;
    assert_eq!(members["items"].as_array().unwrap().len(), 1);
    let own = left.user_id().await;
    assert_eq!(
        remove(&left, &own).await,
        StatusCode::CONFLICT,
        "the last owner stays"
    );
}

#[tokio::test]
async fn who_runs_a_tenant_mails_a_link_and_sets_nobodys_password() {
    let (settings, server, owner) = scene().await;
    let admin = owner.invite(&settings, "ada@example.org", "admin").await;
    let bob = owner.invite(&settings, "bob@example.org", "member").await;
    let reset = async |by: &Person, user: String| {
        let body = json!({"user_id": user, "new_password": "attackers-Choice-99-x"});
        by.post("/api/v1/auth/password/reset", &body).await.status()
    };
    let before = settings.mails().len();
    assert_eq!(
        reset(&admin, owner.user_id().await).await,
        StatusCode::FORBIDDEN,
        "not who stands above"
    );
    assert_eq!(reset(&admin, admin.user_id().await).await, StatusCode::FORBIDDEN);
    assert_eq!(reset(&bob, admin.user_id().await).await, StatusCode::FORBIDDEN);
    assert_eq!(
        reset(&admin, "018f3f66-5f0b-7cc0-8000-000000000001".to_owned()).await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(reset(&admin, bob.user_id().await).await, StatusCode::ACCEPTED);
    bob.until_refused().await;
    assert!(!can_log_in(&server.url, "bob@example.org", "attackers-Choice-99-x").await);
    assert!(
        can_log_in(&server.url, "bob@example.org", PASSWORD).await,
        "until the link is opened"
    );
    let token = settings.mailed_token(before).await;
    let body = json!({"token": token, "new_password": OTHER});
    assert_eq!(
        post(&server.url, "/api/v1/auth/password/confirm", &body).await.0,
        StatusCode::OK
    );
    assert!(can_log_in(&server.url, "bob@example.org", OTHER).await);
}

#[tokio::test]
async fn a_mail_that_waits_survives_a_kill() {
    let (settings, server, owner) = scene().await;
    let body = json!({"email": "ada@example.org", "role": "viewer"});
    assert_eq!(
        owner.post("/api/v1/invitations", &body).await.status(),
        StatusCode::CREATED
    );
    server.kill().await;
    let _again = settings.start().await;
    settings.mailed_token(0).await;
}

#[tokio::test]
async fn an_operator_stops_a_tenant_and_closes_an_account() {
    let (settings, server, owner) = scene().await;
    let me = owner.get("/api/v1/auth/me").await;
    let id = |name: &str| me["data"][name].as_str().unwrap().to_owned();
    let (tenant, user) = (id("tenant_id"), id("user_id"));
    let run = async |arguments: &[&str]| settings.command(arguments).output().await.unwrap();
    let refused = run(&["admin", "user", "disable", &user]).await;
    assert!(!refused.status.success(), "the last owner stays");
    settings.run(&["admin", "tenant", "suspend", &tenant]).await;
    owner.until_refused().await;
    let login = json!({"email": OWNER_EMAIL, "password": OWNER_PASSWORD});
    assert_eq!(
        post(&server.url, "/api/v1/auth/token", &login).await.1["error"],
        "tenant_suspended"
    );
    settings.run(&["admin", "tenant", "reactivate", &tenant]).await;
    let owner = Person::log_in(&server.url, OWNER_EMAIL, OWNER_PASSWORD).await;
    let ada = owner.invite(&settings, "ada@example.org", "member").await;
    settings
        .run(&["admin", "user", "disable", &ada.user_id().await])
        .await;
    ada.until_refused().await;
    assert!(!can_log_in(&server.url, "ada@example.org", PASSWORD).await);
}
