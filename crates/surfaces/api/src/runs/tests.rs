use actix_web::{
    App, HttpResponse, ResponseError,
    http::{StatusCode, header},
    test::{TestRequest, call_service, init_service, read_body},
    web,
};
use chancery_agents::{ErrorSource, RunFailure};
use chancery_ids::RunId;
use serde_json::{Value, json};

use super::{problem::failed, wire::ChatBody};
use crate::body::Body;

async fn say(body: Value) -> (StatusCode, Value) {
    let take = |turn: Body<ChatBody>| async move {
        let turn = turn.0;
        HttpResponse::Ok().json(json!([turn.text, turn.conversation_key, turn.agent]))
    };
    let service = init_service(App::new().route("/", web::post().to(take))).await;
    let response = call_service(&service, TestRequest::post().set_json(body).to_request()).await;
    let status = response.status();
    (
        status,
        serde_json::from_slice(&read_body(response).await).unwrap(),
    )
}

#[actix_web::test]
async fn turns_of_both_generations_are_understood() {
    let first =
        json!({"message": "hi", "conversation_id": null, "agent_type": "triage", "context": {"a": 1}});
    assert_eq!(say(first).await, (StatusCode::OK, json!(["hi", null, "triage"])));
    let latest = json!({
        "message": "hi", "conversation_id": "c 1/2", "attachments": [{"object_id": "x"}],
        "run_options": {"max_turns": 3}, "memory_strategy": {"mode": "none"},
    });
    assert_eq!(say(latest).await, (StatusCode::OK, json!(["hi", "c 1/2", null])));
    assert_eq!(
        say(json!({"message": "hi", "conversation_id": ""})).await.1,
        json!(["hi", null, null])
    );
}

#[actix_web::test]
async fn a_turn_beyond_the_bounds_is_refused_in_all_its_members() {
    let (status, body) = say(json!({"message": "", "conversation_id": "a\nb"})).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let kinds: Vec<_> = body["details"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["type"])
        .collect();
    assert_eq!(kinds, ["string_too_short", "value_error"]);

    let long = json!({"message": "é".repeat(16 * 1024) + "!", "conversation_id": "c".repeat(256)});
    let (status, body) = say(long).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        body["details"]
            .as_array()
            .unwrap()
            .iter()
            .all(|one| one["type"] == "string_too_long"),
        "{body}"
    );
    assert_eq!(
        say(json!({"message": "é".repeat(16 * 1024)})).await.0,
        StatusCode::OK
    );
}

#[test]
fn a_failed_run_is_a_gateway_error_that_names_the_run() {
    let run: RunId = "run_018f3f665f0b7cc08000000000000001".parse().unwrap();
    for (code, source, is_retryable, status) in [
        ("model_unavailable", ErrorSource::Provider, true, 503),
        ("model_rate_limited", ErrorSource::Provider, true, 503),
        ("model_timeout", ErrorSource::Provider, true, 504),
        ("model_refused", ErrorSource::Provider, false, 502),
        ("model_stream_broken", ErrorSource::Provider, true, 502),
        ("run_timeout", ErrorSource::Server, true, 504),
        ("shutdown", ErrorSource::Server, true, 503),
        ("too_many_tool_calls", ErrorSource::Server, false, 502),
    ] {
        let failure = RunFailure {
            code: code.to_owned(),
            message: "it failed".to_owned(),
            source,
            is_retryable,
        };
        let failure = failed(run, failure);
        assert_eq!(failure.status_code().as_u16(), status, "{code}");
        let shown = format!("{failure:?}");
        assert!(
            shown.contains(code) && shown.contains(&run.to_string()),
            "{shown}"
        );
        let waits = failure
            .error_response()
            .headers()
            .contains_key(header::RETRY_AFTER);
        assert_eq!(waits, is_retryable, "{code}");
    }
}
