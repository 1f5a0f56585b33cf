use actix_web::{
    ResponseError,
    http::{StatusCode, header::HeaderMap},
    test::TestRequest,
};
use serde_json::{Value, json};

use super::{credential::VaultCredential, wire::IssueBody};
use crate::body::Checked;

fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
    let request = given.iter().fold(TestRequest::post(), |request, header| {
        request.insert_header(*header)
    });
    request.to_http_request().headers().clone()
}

#[test]
fn a_credential_is_vaults_whole_answer_and_the_payload_beside_it() {
    let read = VaultCredential::read(&headers(&[
        ("authorization", "Bearer vault:vault:v1:c2ln"),
        ("x-vault-payload", "eyJhIjoxfQ"),
    ]));
    let read = read.unwrap();
    assert_eq!(
        (read.signature.as_str(), read.payload.as_str()),
        ("vault:v1:c2ln", "eyJhIjoxfQ")
    );
}

#[test]
fn what_is_missing_or_of_another_kind_is_refused_in_order() {
    for (given, status) in [
        (vec![], StatusCode::UNPROCESSABLE_ENTITY),
        (vec![("authorization", "")], StatusCode::UNAUTHORIZED),
        (vec![("authorization", "Basic eDp5")], StatusCode::UNAUTHORIZED),
        (
            vec![("authorization", "Bearer dev-local"), ("x-vault-payload", "e30")],
            StatusCode::UNAUTHORIZED,
        ),
        (
            vec![("authorization", "Bearer vault:x")],
            StatusCode::UNAUTHORIZED,
        ),
    ] {
        let refused = VaultCredential::read(&headers(&given)).unwrap_err();
        assert_eq!(refused.status_code(), status, "{given:?}");
    }
}

fn check(body: Value) -> Result<chancery_accounts::IssueRequest, ()> {
    let body: IssueBody = serde_json::from_value(body).unwrap();
    body.check().map_err(drop)
}

#[test]
fn scopes_are_trimmed_and_blank_ones_left_out() {
    let wanted = check(json!({"account": "a", "scopes": [" tools:read ", "", "  ", "tools:read"]})).unwrap();
    assert_eq!(wanted.scopes.to_string(), "tools:read");
    assert!(!wanted.force);
}

#[test]
fn a_body_of_the_wrong_form_is_refused() {
    for (name, wrong) in [
        ("scopes", json!(["read"])),
        ("tenant_id", json!("default")),
        ("lifetime_minutes", json!(0)),
        ("lifetime_minutes", json!(-5)),
    ] {
        let mut body = json!({"account": "a", "scopes": ["tools:read"]});
        body[name] = wrong;
        assert!(check(body).is_err(), "{name}");
    }
}
