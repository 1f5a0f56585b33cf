use std::time::Duration;

use actix_web::{
    App, HttpResponse, ResponseError,
    body::to_bytes,
    dev::ServiceResponse,
    get,
    http::{
        Method, StatusCode,
        header::{self, HeaderName},
    },
    middleware::from_fn,
    post,
    test::{TestRequest, call_service, init_service, read_body},
    web::{self, Data},
};
use chancery_access::{Denied, Scope};
use chancery_actix_auth::{BearerRefused, Cause};
use chancery_ambient::Fault;
use serde_json::{Value, json};
use utoipa_actix_web::AppExt;

use super::{Failure, RouteMethods, name_instance, not_found_or_method};

async fn rendered(failure: &Failure) -> Value {
    let body = to_bytes(failure.error_response().into_body()).await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

fn header_of(failure: &Failure, name: HeaderName) -> Option<String> {
    let response = failure.error_response();
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap().to_owned())
}

#[actix_web::test]
async fn the_body_has_the_members_of_both_generations_in_one_order() {
    let failure =
        Failure::coded(StatusCode::CONFLICT, "run_in_progress", "Busy.").with_details(json!({"run_id": "x"}));
    let body = to_bytes(failure.render(Some("/api/v1/chat")).into_body())
        .await
        .unwrap();
    let expected = r#"{"type":"urn:chancery:problem:run_in_progress","title":"Conflict","status":409,"detail":"Busy.","instance":"/api/v1/chat","success":false,"error":"run_in_progress","message":"Busy.","details":{"run_id":"x"}}"#;
    assert_eq!(std::str::from_utf8(&body).unwrap(), expected);
}

#[actix_web::test]
async fn a_status_without_a_code_of_its_own_has_the_usual_one() {
    for (status, code) in [
        (400, "BadRequest"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "NotFound"),
        (409, "Conflict"),
        (410, "Gone"),
        (413, "PayloadTooLarge"),
        (423, "Locked"),
        (429, "TooManyRequests"),
        (500, "InternalServerError"),
        (502, "BadGateway"),
        (503, "ServiceUnavailable"),
        (418, "HTTPException"),
    ] {
        let failure = Failure::new(StatusCode::from_u16(status).unwrap(), "x");
        assert_eq!(rendered(&failure).await["error"], code);
    }
}

#[actix_web::test]
async fn a_fault_tells_when_to_come_back_and_nothing_of_its_source() {
    let faults = [
        (Fault::unavailable("postgres://secret@db"), 503, Some("2")),
        (Fault::timed_out("postgres://secret@db"), 504, Some("2")),
        (Fault::corrupt("postgres://secret@db"), 500, None),
    ];
    for (fault, status, wait) in faults {
        let failure = Failure::from(fault);
        let body = rendered(&failure).await;
        assert_eq!(body["status"], status);
        assert!(!body.to_string().contains("secret"), "{body}");
        assert_eq!(header_of(&failure, header::RETRY_AFTER).as_deref(), wait);
    }
}

#[test]
fn waits_are_told_in_whole_seconds_rounded_up() {
    let wait = |millis| {
        let failure =
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, "x").retry_after(Duration::from_millis(millis));
        header_of(&failure, header::RETRY_AFTER).unwrap()
    };
    assert_eq!(
        (wait(0), wait(1), wait(1000), wait(1001)),
        ("1".into(), "1".into(), "1".into(), "2".into())
    );
}

#[actix_web::test]
async fn a_missing_scope_is_named_in_the_challenge() {
    let failure = Failure::from(Denied::Scope(Scope::TOOLS_READ));
    let challenge = header_of(&failure, header::WWW_AUTHENTICATE).unwrap();
    assert_eq!(
        challenge,
        "Bearer realm=\"chancery\", error=\"insufficient_scope\", scope=\"tools:read\""
    );
    assert_eq!(
        rendered(&failure).await["message"],
        "Insufficient scopes for this operation."
    );
}

#[actix_web::test]
async fn a_caller_without_a_token_gets_the_challenge_and_the_one_body() {
    let failure = Failure::from(BearerRefused {
        cause: Cause::Missing,
        realm: "chancery",
    });
    assert_eq!(
        header_of(&failure, header::WWW_AUTHENTICATE).as_deref(),
        Some("Bearer realm=\"chancery\"")
    );
    let body = rendered(&failure).await;
    assert_eq!(
        (&body["status"], &body["message"]),
        (&json!(401), &json!("An access token is required."))
    );
}

#[utoipa::path(responses((status = 200)))]
#[get("/things/{id}")]
async fn show_thing() -> Result<HttpResponse, Failure> {
    Err(Failure::not_found("Thing not found."))
}

#[utoipa::path(responses((status = 200)))]
#[post("/things/{id}")]
async fn change_thing() -> HttpResponse {
    HttpResponse::Ok().finish()
}

async fn ask(method: Method, path: &str) -> ServiceResponse {
    let scope = utoipa_actix_web::scope("/api")
        .wrap(from_fn(name_instance))
        .service(show_thing)
        .service(change_thing);
    let (app, described) = App::new().into_utoipa_app().service(scope).split_for_parts();
    let app = app
        .app_data(Data::new(RouteMethods::of(&described)))
        .route("/health", web::get().to(HttpResponse::Ok))
        .default_service(web::to(not_found_or_method));
    call_service(
        &init_service(app).await,
        TestRequest::with_uri(path).method(method).to_request(),
    )
    .await
}

#[actix_web::test]
async fn a_path_without_a_route_is_404_and_a_method_without_one_is_405_with_allow() {
    for (method, path, status, allow) in [
        (Method::GET, "/nothing", 404, None),
        (Method::GET, "/api/nothing", 404, None),
        (Method::PUT, "/api/things/1", 405, Some("GET, POST")),
        (Method::POST, "/health", 405, Some("GET")),
    ] {
        let response = ask(method, path).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        let told = response
            .headers()
            .get(header::ALLOW)
            .map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(told.as_deref(), allow, "{path}");
        let body: Value = serde_json::from_slice(&read_body(response).await).unwrap();
        assert_eq!(
            (&body["status"], &body["instance"]),
            (&json!(status), &json!(path))
        );
    }
}

#[actix_web::test]
async fn the_error_of_a_handler_names_the_path_but_not_the_query() {
    let response = ask(Method::GET, "/api/things/1?token=x").await;
    assert_eq!(
        response.headers().get(header::CONTENT_TYPE).unwrap(),
        "application/problem+json"
    );
    let body: Value = serde_json::from_slice(&read_body(response).await).unwrap();
    assert_eq!(body["instance"], "/api/things/1");
}
