use std::{sync::Arc, time::Duration};

use actix_web::{
    App, FromRequest, HttpResponse, ResponseError,
    dev::Payload,
    error::PayloadError,
    http::{StatusCode, header},
    test::{TestRequest, call_and_read_body, call_service, init_service, read_body_json},
    web,
};
use chancery_ambient::{Clock, ManualClock, Timestamp};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Body, Checked, LIMIT, json};
use crate::problem::{Violation, Violations};

#[derive(Deserialize)]
struct Note {
    title: String,
    password: Option<String>,
    #[serde(default)]
    lines: Vec<u32>,
}

impl Checked for Note {
    type Valid = String;

    fn check(self) -> Result<String, Violations> {
        let mut violations = Violations::default();
        if self.title.is_empty() {
            violations.add(Violation::new("body", "string_too_short", "too short").at("title"));
        }
        if self.lines.contains(&0) || self.password.as_deref() == Some("") {
            violations.add(Violation::new("body", "value_error", "bad").at("lines").at(0));
        }
        violations.or(self.title)
    }
}

async fn post(body: impl Into<web::Bytes>) -> (StatusCode, Value) {
    send(
        TestRequest::post()
            .insert_header(header::ContentType::json())
            .set_payload(body),
    )
    .await
}

async fn send(request: TestRequest) -> (StatusCode, Value) {
    let take = |note: Body<Note>| async move { HttpResponse::Ok().json(note.0) };
    let service = init_service(App::new().route("/", web::post().to(take))).await;
    let response = call_service(&service, request.to_request()).await;
    (response.status(), read_body_json(response).await)
}

async fn only_violation(body: &[u8]) -> Value {
    let (status, problem) = post(body.to_vec()).await;
    assert_eq!(
        (status, &problem["error"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("ValidationError")),
        "{problem}"
    );
    assert_eq!(problem["details"].as_array().unwrap().len(), 1, "{problem}");
    problem["details"][0].clone()
}

#[actix_web::test]
async fn a_good_body_is_taken_and_unknown_members_are_ignored() {
    let (status, answer) = post(r#"{"title":"a","attachments":[{"x":1}],"lines":[1]}"#).await;
    assert_eq!((status, answer), (StatusCode::OK, json!("a")));
}

#[actix_web::test]
async fn a_body_of_another_shape_says_where_and_what() {
    for (body, kind, loc, input) in [
        (
            r#"{"title":7}"#,
            "string_type",
            json!(["body", "title"]),
            json!(7),
        ),
        (
            r#"{"title":null}"#,
            "string_type",
            json!(["body", "title"]),
            json!(null),
        ),
        (
            r#"{"title":"a","lines":[1,"x"]}"#,
            "int_type",
            json!(["body", "lines", 1]),
            json!("x"),
        ),
        (
            r#"{"title":"a","lines":{}}"#,
            "list_type",
            json!(["body", "lines"]),
            Value::Null,
        ),
        (
            r#"{"title":"a","lines":[-1]}"#,
            "value_error",
            json!(["body", "lines", 0]),
            json!(-1),
        ),
        (
            r#"{"lines":[]}"#,
            "missing",
            json!(["body", "title"]),
            Value::Null,
        ),
        ("7", "model_attributes_type", json!(["body"]), json!(7)),
        (
            r#"{"title":"a","title":"b"}"#,
            "value_error",
            json!(["body", "title"]),
            Value::Null,
        ),
        ("", "missing", json!(["body"]), Value::Null),
    ] {
        let violation = only_violation(body.as_bytes()).await;
        assert_eq!(
            (&violation["type"], &violation["loc"]),
            (&json!(kind), &loc),
            "{body}: {violation}"
        );
        assert_eq!(violation["input"], input, "{body}: {violation}");
    }
}

#[actix_web::test]
async fn text_that_is_no_json_says_at_which_byte() {
    for (body, offset) in [
        (&b"{\"title\":"[..], 9),
        (b"{\"title\":\"a\"} x", 14),
        (b"\n\n  nope", 5),
        (b"{\"title\":\"\xff\"}", 10),
    ] {
        let violation = only_violation(body).await;
        let shown = String::from_utf8_lossy(body);
        assert_eq!(
            (&violation["type"], &violation["input"]),
            (&json!("json_invalid"), &json!({})),
            "{shown}"
        );
        assert_eq!(violation["loc"], json!(["body", offset]), "{shown}: {violation}");
        assert!(violation["ctx"]["error"].is_string());
    }
}

#[actix_web::test]
async fn nesting_beyond_32_is_refused_where_it_passes_the_limit() {
    let nested = |depth: usize| {
        format!(
            "{{\"title\":\"[[[\\\"[\",\"x\":{}{}}}",
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    assert_eq!(post(nested(31)).await.0, StatusCode::OK);
    let violation = only_violation(nested(32).as_bytes()).await;
    assert_eq!(violation["type"], "json_invalid");
}

#[actix_web::test]
async fn a_secret_or_a_long_text_is_not_shown_back() {
    let secret = only_violation(br#"{"title":"a","password":{"hunter2":1}}"#).await;
    assert_eq!(
        (&secret["loc"], secret.get("input")),
        (&json!(["body", "password"]), None)
    );
    let secret = only_violation(br#"{"title":"a","password":1234567}"#).await;
    assert!(!secret.to_string().contains("1234567"), "{secret}");
    let long = format!(r#"{{"title":"a","lines":["{}"]}}"#, "x".repeat(129));
    assert_eq!(only_violation(long.as_bytes()).await.get("input"), None);
}

#[actix_web::test]
async fn broken_rules_are_told_all_at_once() {
    let (status, problem) = post(r#"{"title":"","lines":[0]}"#).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let kinds: Vec<_> = problem["details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["type"].clone())
        .collect();
    assert_eq!(kinds, ["string_too_short", "value_error"]);
}

#[actix_web::test]
async fn a_body_beyond_the_limit_is_refused_whether_it_says_so_or_not() {
    let exact = format!(r#"{{"title":"{}"}}"#, "a".repeat(LIMIT - 12));
    assert_eq!(exact.len(), LIMIT);
    assert_eq!(post(exact.clone()).await.0, StatusCode::OK);
    let (status, problem) = post(exact + " ").await;
    assert_eq!(
        (status, &problem["error"]),
        (StatusCode::PAYLOAD_TOO_LARGE, &json!("PayloadTooLarge"))
    );

    let declared = TestRequest::post()
        .insert_header(header::ContentType::json())
        .set_payload("{}")
        .insert_header((header::CONTENT_LENGTH, "1048577"));
    assert_eq!(send(declared).await.0, StatusCode::PAYLOAD_TOO_LARGE);
}

#[actix_web::test]
async fn other_media_types_are_refused_and_a_missing_one_counts_as_json() {
    let of = |content_type: &str| {
        TestRequest::post()
            .insert_header((header::CONTENT_TYPE, content_type))
            .set_payload(r#"{"title":"a"}"#)
    };
    for accepted in ["application/json; charset=utf-8", "application/merge-patch+json"] {
        assert_eq!(send(of(accepted)).await.0, StatusCode::OK, "{accepted}");
    }
    for refused in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
    ] {
        assert_eq!(
            send(of(refused)).await.0,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "{refused}"
        );
    }
    assert_eq!(
        send(TestRequest::post().set_payload(r#"{"title":"a"}"#)).await.0,
        StatusCode::OK
    );
    let packed = of("application/json").insert_header((header::CONTENT_ENCODING, "gzip"));
    assert_eq!(send(packed).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[actix_web::test]
async fn every_refusal_is_a_problem_that_no_cache_keeps() {
    let take = |note: Body<Note>| async move { note.0 };
    let service = init_service(App::new().route("/", web::post().to(take))).await;
    let response = call_service(&service, TestRequest::post().to_request()).await;
    assert_eq!(
        response.headers().get(header::CONTENT_TYPE).unwrap(),
        "application/problem+json"
    );
    assert_eq!(response.headers().get(header::CACHE_CONTROL).unwrap(), "no-store");
    let body = call_and_read_body(&service, TestRequest::post().to_request()).await;
    let problem: Value = serde_json::from_slice(&body).unwrap();
    let expected = json!({
        "type": "urn:chancery:problem:ValidationError", "title": "Unprocessable Entity", "status": 422,
        "detail": "Request validation failed.", "success": false, "error": "ValidationError",
        "message": "Request validation failed.",
        "details": [{"type": "missing", "loc": ["body"], "msg": "Field required"}],
    });
    assert_eq!(problem, expected);
}

#[actix_web::test]
async fn a_body_that_does_not_arrive_is_not_waited_for_for_ever() {
    let clock = Arc::new(ManualClock::at(Timestamp::EPOCH));
    let in_app: Arc<dyn Clock> = clock.clone();
    let request = TestRequest::post()
        .app_data(web::Data::from(in_app))
        .to_http_request();
    let silent = Box::pin(futures::stream::pending::<Result<web::Bytes, PayloadError>>());
    let mut taking = Body::<Note>::from_request(&request, &mut Payload::Stream { payload: silent });
    assert!(futures::poll!(&mut taking).is_pending());
    clock.advance(Duration::from_secs(30));
    let refused = taking.await.map(|_| ()).unwrap_err();
    assert_eq!(refused.status_code(), StatusCode::REQUEST_TIMEOUT);
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = json::parse::<Note>(&bytes);
    }

    #[test]
    fn no_text_like_a_body_makes_the_parser_panic(text in "[\\[\\]{}:,\"\\\\a-z0-9\n\u{e9}]{0,100}") {
        let _ = json::parse::<Note>(text.as_bytes());
    }
}
