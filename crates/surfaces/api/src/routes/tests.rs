use actix_web::App;
use serde_json::Value;
use utoipa_actix_web::AppExt;

use super::{describe, security};

fn description() -> Value {
    let (_, mut description) = App::new().into_utoipa_app().configure(describe).split_for_parts();
    description.merge(security());
    serde_json::to_value(description).unwrap()
}

/// Every operation, as (method and path, what is said of it).
fn operations(description: &Value) -> Vec<(String, &Value)> {
    let paths = description["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
    });
    let mut operations: Vec<_> = operations.collect();
    operations.sort_by(|(one, _), (other, _)| one.cmp(other));
    operations
}

#[test]
fn these_are_the_routes() {
    let description = description();
    let routes: Vec<_> = operations(&description)
        .into_iter()
        .map(|(route, _)| route)
        .collect();
    let expected = [
        "DELETE /api/v1/auth/sessions/{session_id}",
        "DELETE /api/v1/conversations/{conversation_id}",
        "DELETE /api/v1/conversations/{conversation_id}/messages/{message_id}",
        "DELETE /api/v1/invitations/{invitation_id}",
        "DELETE /api/v1/members/{user_id}",
        "GET /api/v1/agents",
        "GET /api/v1/agents/{agent_name}/status",
        "GET /api/v1/approvals",
        "GET /api/v1/approvals/{approval_id}",
        "GET /api/v1/auth/me",
        "GET /api/v1/auth/service-accounts/tokens",
        "GET /api/v1/auth/sessions",
        "GET /api/v1/conversations",
        "GET /api/v1/conversations/search",
        "GET /api/v1/conversations/{conversation_id}",
        "GET /api/v1/conversations/{conversation_id}/ledger/stream",
        "GET /api/v1/conversations/{conversation_id}/messages",
        "GET /api/v1/conversations/{conversation_id}/stream",
        "GET /api/v1/guardrails",
        "GET /api/v1/invitations",
        "GET /api/v1/members",
        "GET /api/v1/runs/{run_id}/stream",
        "GET /api/v1/tools",
        "GET /api/v1/usage",
        "GET /api/v1/users/me/export",
        "PATCH /api/v1/conversations/{conversation_id}/title",
        "PATCH /api/v1/members/{user_id}",
        "POST /api/v1/approvals/{approval_id}",
        "POST /api/v1/auth/delegations",
        "POST /api/v1/auth/email/send",
        "POST /api/v1/auth/email/verify",
        "POST /api/v1/auth/logout",
        "POST /api/v1/auth/logout/all",
        "POST /api/v1/auth/password/change",
        "POST /api/v1/auth/password/confirm",
        "POST /api/v1/auth/password/forgot",
        "POST /api/v1/auth/password/reset",
        "POST /api/v1/auth/refresh",
        "POST /api/v1/auth/service-accounts/browser-issue",
        "POST /api/v1/auth/service-accounts/issue",
        "POST /api/v1/auth/service-accounts/tokens/{jti}/revoke",
        "POST /api/v1/auth/token",
        "POST /api/v1/chat",
        "POST /api/v1/chat/stream",
        "POST /api/v1/invitations",
        "POST /api/v1/invitations/accept",
        "POST /api/v1/runs/{run_id}/cancel",
        "POST /api/v1/users/me/erase",
    ];
    assert_eq!(routes, expected);
}

#[test]
fn every_route_but_the_token_endpoints_asks_for_a_bearer_token() {
    let description = description();
    for (route, operation) in operations(&description) {
        let open = [
            "POST /api/v1/auth/token",
            "POST /api/v1/auth/refresh",
            "POST /api/v1/auth/service-accounts/issue",
            "POST /api/v1/auth/password/forgot",
            "POST /api/v1/auth/password/confirm",
            "POST /api/v1/auth/email/verify",
            "POST /api/v1/invitations/accept",
        ]
        .contains(&route.as_str());
        assert_eq!(operation.get("security").is_none(), open, "{route}");
    }
    assert_eq!(
        description["components"]["securitySchemes"]["bearer"]["scheme"],
        "bearer"
    );
}

#[test]
fn every_error_is_described_as_the_one_body() {
    let description = description();
    for (route, operation) in operations(&description) {
        let responses = operation["responses"].as_object().unwrap();
        for status in ["401", "500", "503", "504"] {
            assert!(
                responses.contains_key(status),
                "{route} does not tell of {status}"
            );
        }
        for (status, response) in responses.iter().filter(|(status, _)| status.as_str() >= "400") {
            let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/Problem", "{route} {status}");
        }
    }
}

#[test]
fn what_a_route_says_of_a_status_itself_replaces_what_is_said_of_all() {
    let description = description();
    let path = &description["paths"]["/api/v1/runs/{run_id}/stream"]["get"]["responses"];
    assert!(
        path["400"]["description"]
            .as_str()
            .unwrap()
            .contains("Last-Event-ID"),
        "{path}"
    );
    let path = &description["paths"]["/api/v1/conversations"]["get"]["responses"];
    assert!(
        path["400"]["description"].as_str().unwrap().contains("cursor"),
        "{path}"
    );
}

#[test]
fn every_reference_leads_somewhere() {
    fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let description = description();
    let mut found = Vec::new();
    references(&description, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        assert!(
            description.pointer(reference.trim_start_matches('#')).is_some(),
            "{reference}"
        );
    }
}
