//! What every request meets first: hosts, origins, limits, and the one error body.
#![cfg(test)]

use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use system_tests::{Person, Settings, client};

/// The error body of `/api/v1`, whatever went wrong.
fn assert_problem(status: StatusCode, content_type: &str, body: &Value) {
    assert_eq!(content_type, "application/problem+json", "{body}");
    assert_eq!(body["status"], status.as_u16(), "{body}");
    assert_eq!(body["success"], false, "{body}");
    for member in ["type", "title", "detail", "error", "message"] {
        assert!(body[member].is_string(), "{member} is missing: {body}");
    }
    assert!(body.get("details").is_some(), "{body}");
}

async fn problem(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let content_type = answer.headers()[header::CONTENT_TYPE]
        .to_str()
        .unwrap()
        .to_owned();
    let body: Value = answer.json().await.unwrap();
    assert_problem(status, &content_type, &body);
    (status, body)
}

fn raw_chat(person: &Person, body: impl Into<reqwest::Body>) -> reqwest::RequestBuilder {
    person
        .request(Method::POST, "/api/v1/chat")
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
}

#[tokio::test]
async fn bad_input_gets_the_one_error_body_and_nothing_is_stored() {
    let server = Settings::sqlite().start().await;
    let person = server.log_in().await;
    let deep = format!(
        "{{\"message\":\"hi\",\"context\":{}1{}}}",
        "[".repeat(64),
        "]".repeat(64)
    );
    let large = format!("{{\"message\":\"{}\"}}", "a".repeat(1024 * 1024));
    let cases: [(Vec<u8>, u16); 8] = [
        (b"{\"message\":".to_vec(), 422),
        (b"{\"message\":7}".to_vec(), 422),
        (b"{}".to_vec(), 422),
        (b"{\"message\":\"\"}".to_vec(), 422),
        (b"{\"message\":\"\xff\"}".to_vec(), 422),
        (b"[]".to_vec(), 422),
        (deep.into_bytes(), 422),
        (large.into_bytes(), 413),
    ];
    for (body, expected) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let (status, problem) = problem(raw_chat(&person, body)).await;
        assert_eq!(status.as_u16(), expected, "{shown}: {problem}");
    }
    let (status, _) = problem(
        person
            .request(Method::POST, "/api/v1/chat")
            .json(&json!({"message": "a".repeat(33_000)})),
    )
    .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(person.get("/api/v1/conversations").await["items"], json!([]));
}

#[tokio::test]
async fn a_validation_error_says_where_and_what_kind() {
    let server = Settings::sqlite().start().await;
    let person = server.log_in().await;
    let (_, body) = problem(raw_chat(&person, "{\"message\":7}")).await;
    assert_eq!(body["error"], "ValidationError");
    assert_eq!(body["details"][0]["loc"], json!(["body", "message"]));
    assert_eq!(body["details"][0]["type"], "string_type");
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_get_the_one_error_body() {
    let server = Settings::sqlite().start().await;
    let person = server.log_in().await;
    assert_eq!(
        problem(person.request(Method::GET, "/api/v1/nothing")).await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        problem(person.request(Method::GET, "/nothing")).await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        problem(person.request(Method::PUT, "/api/v1/chat")).await.0,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn a_foreign_host_is_refused_and_never_appears_in_metadata() {
    let server = Settings::sqlite().start().await;
    let person = server.log_in().await;
    let foreign = person
        .request(Method::GET, "/health")
        .header(header::HOST, "evil.example");
    assert_eq!(problem(foreign).await.0, StatusCode::BAD_REQUEST);
    let other_port = person
        .request(Method::GET, "/.well-known/oauth-authorization-server")
        .header(header::HOST, "localhost:4711")
        .header("x-forwarded-host", "evil.example");
    let metadata = other_port.send().await.unwrap().text().await.unwrap();
    assert!(
        metadata.contains("http://localhost:8080/.well-known/jwks.json"),
        "{metadata}"
    );
    assert!(
        !metadata.contains("evil") && !metadata.contains("4711"),
        "{metadata}"
    );
}

#[tokio::test]
async fn a_cookie_or_a_query_token_logs_nobody_in() {
    let server = Settings::sqlite().start().await;
    let person = server.log_in().await;
    let client = client();
    let cookie = format!("access_token={}", person.access_token);
    let with_cookie = client
        .get(format!("{}/api/v1/auth/me", server.url))
        .header(header::COOKIE, cookie);
    assert_eq!(problem(with_cookie).await.0, StatusCode::UNAUTHORIZED);
    let in_query = client.get(format!(
        "{}/api/v1/auth/me?access_token={}",
        server.url, person.access_token
    ));
    assert_eq!(problem(in_query).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn listed_origins_may_call_and_others_may_not() {
    let server = Settings::sqlite().start().await;
    let client = client();
    let preflight = |origin: &'static str| {
        client
            .request(Method::OPTIONS, format!("{}/api/v1/chat", server.url))
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
    };
    let listed = preflight("http://localhost:8000").send().await.unwrap();
    assert_eq!(
        listed.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN],
        "http://localhost:8000"
    );
    let other = preflight("https://evil.example").send().await.unwrap();
    assert!(other.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_none());
}

#[tokio::test]
async fn every_answer_carries_its_correlation_id_and_time() {
    let server = Settings::sqlite().start().await;
    let client = client();
    for path in ["/health", "/nothing", "/api/v1/auth/me"] {
        let answer = client.get(format!("{}{path}", server.url)).send().await.unwrap();
        assert_eq!(answer.headers()["x-correlation-id"].len(), 36, "{path}");
        assert!(answer.headers().contains_key("x-process-time"), "{path}");
    }
}

#[tokio::test]
async fn a_key_set_is_served_from_cache_by_its_tag() {
    let server = Settings::sqlite().start().await;
    let client = client();
    let url = format!("{}/.well-known/jwks.json", server.url);
    let first = client.get(&url).send().await.unwrap();
    assert_eq!(first.headers()[header::CACHE_CONTROL], "public, max-age=300");
    let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
    for matching in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"x\", {tag}"),
        "*".to_owned(),
    ] {
        let again = client
            .get(&url)
            .header(header::IF_NONE_MATCH, &matching)
            .send()
            .await
            .unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{matching}");
    }
    let body: Value = first.json().await.unwrap();
    assert!(
        body["keys"]
            .as_array()
            .unwrap()
            .iter()
            .all(|key| key.get("d").is_none()),
        "{body}"
    );
}
