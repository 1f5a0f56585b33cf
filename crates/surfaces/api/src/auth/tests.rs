use actix_web::{
    App, HttpResponse,
    http::StatusCode,
    test::{TestRequest, call_service, init_service, read_body},
    web,
};
use chancery_accounts::LoginRefused;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::wire::{LoginBody, RefreshBody};
use crate::{body::Body, problem::Failure};

async fn log_in(body: Value) -> (StatusCode, String) {
    let take = |login: Body<LoginBody>| async move {
        let login = login.0;
        let seen = json!([
            login.email,
            login.password.expose_secret(),
            login.tenant,
            login.device
        ]);
        HttpResponse::Ok().json(seen)
    };
    let service = init_service(App::new().route("/", web::post().to(take))).await;
    let response = call_service(&service, TestRequest::post().set_json(body).to_request()).await;
    let status = response.status();
    (
        status,
        String::from_utf8(read_body(response).await.to_vec()).unwrap(),
    )
}

fn locations(body: &str) -> Vec<Value> {
    let body: Value = serde_json::from_str(body).unwrap();
    body["details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|violation| violation["loc"][1].clone())
        .collect()
}

#[actix_web::test]
async fn logins_of_both_generations_are_understood() {
    let (_, first) = log_in(json!({"username": "ada@example.org", "password": "p"})).await;
    assert_eq!(first, r#"["ada@example.org","p",null,null]"#);
    let tenant = "018f3f66-5f0b-7cc0-8000-000000000001";
    let latest = json!({
        "email": "ada@example.org", "username": "x", "password": "p", "tenant_id": tenant, "fingerprint": "phone",
        "remember_me": true,
    });
    assert_eq!(
        log_in(latest).await.1,
        format!(r#"["ada@example.org","p","{tenant}","phone"]"#)
    );
}

#[actix_web::test]
async fn everything_that_is_wrong_with_a_login_is_told_at_once_without_its_password() {
    let password = "hunter2".repeat(200);
    let wrong = json!({"password": password, "tenant_id": "x", "fingerprint": "f".repeat(256)});
    let (status, body) = log_in(wrong).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        locations(&body),
        ["email", "password", "tenant_id", "fingerprint"]
    );
    assert!(!body.contains("hunter2"), "{body}");
}

#[actix_web::test]
async fn a_password_of_another_type_is_not_shown_back() {
    for password in [
        json!(123_456_789),
        json!(["hunter2"]),
        json!({"hunter2": 1}),
        Value::Null,
    ] {
        let (status, body) = log_in(json!({"email": "ada@example.org", "password": password})).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!body.contains("hunter2") && !body.contains("123456789"), "{body}");
    }
}

#[actix_web::test]
async fn an_empty_device_name_is_none() {
    let take = |refresh: Body<RefreshBody>| async move { HttpResponse::Ok().json(refresh.0.device) };
    let service = init_service(App::new().route("/", web::post().to(take))).await;
    let request = TestRequest::post().set_json(json!({"refresh_token": "t", "fingerprint": ""}));
    assert_eq!(
        read_body(call_service(&service, request.to_request()).await).await,
        "null"
    );
}

#[test]
fn every_refused_refresh_token_gets_the_same_answer() {
    use chancery_tokens::RefreshRefused as Refused;
    let refusals = [
        Refused::Invalid,
        Refused::Expired,
        Refused::Ended,
        Refused::WrongDevice,
        Refused::Reused,
    ];
    let answers = refusals.map(|refused| format!("{:?}", Failure::from(refused)));
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
}

#[test]
fn a_person_of_several_tenants_is_told_which() {
    let tenants = vec!["018f3f66-5f0b-7cc0-8000-000000000001".parse().unwrap()];
    let failure = format!("{:?}", Failure::from(LoginRefused::TenantRequired { tenants }));
    assert!(
        failure.contains("tenant_required") && failure.contains("018f3f66"),
        "{failure}"
    );
}
