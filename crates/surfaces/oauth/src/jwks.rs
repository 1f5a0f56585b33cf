//! The published keys.

use std::time::SystemTime;

use actix_web::{
    HttpRequest, HttpResponse, HttpResponseBuilder, get,
    http::header::{self, HeaderMap, HeaderValue},
    web::Data,
};
use chancery_auth_keys::JwksDocument;

use crate::{
    Published,
    error::{ErrorBody, OAuthError},
};

/// The published keys (RFC 7517).
#[utoipa::path(
    tag = "oauth",
    responses(
        (status = 200, description = "The key set", body = Object),
        (status = 304, description = "The client has it already"),
        (status = 500, description = "Something went wrong on our side", body = ErrorBody),
    ),
)]
#[get("/.well-known/jwks.json")]
pub(crate) async fn jwks_json(
    published: Data<Published>,
    request: HttpRequest,
) -> Result<HttpResponse, OAuthError> {
    Ok(answer(&*published.keys.jwks()?, request.headers()))
}

/// The published keys (RFC 7517), under the address that agent-trust clients know.
#[utoipa::path(
    tag = "oauth",
    responses(
        (status = 200, description = "The key set", body = Object),
        (status = 304, description = "The client has it already"),
        (status = 500, description = "Something went wrong on our side", body = ErrorBody),
    ),
)]
#[get("/.well-known/jwks")]
pub(crate) async fn jwks(
    published: Data<Published>,
    request: HttpRequest,
) -> Result<HttpResponse, OAuthError> {
    Ok(answer(&*published.keys.jwks()?, request.headers()))
}

fn answer(document: &JwksDocument, asked: &HeaderMap) -> HttpResponse {
    if is_known(document, asked) {
        return validators(HttpResponse::NotModified(), document).finish();
    }
    let mut response = validators(HttpResponse::Ok(), document);
    response.insert_header((header::CONTENT_TYPE, "application/json"));
    response.body(document.body().to_vec())
}

/// The same on 200 and 304 (RFC 9110 section 15.4.5).
fn validators(mut response: HttpResponseBuilder, document: &JwksDocument) -> HttpResponseBuilder {
    response
        .insert_header((header::ETAG, document.etag()))
        .insert_header((
            header::CACHE_CONTROL,
            format!("public, max-age={}", document.max_age().as_secs()),
        ))
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((header::ACCESS_CONTROL_EXPOSE_HEADERS, "ETag"))
        .insert_header((
            header::LAST_MODIFIED,
            httpdate::fmt_http_date(last_modified(document)),
        ));
    response
}

/// Whether the client has this very document. A tag counts before a date (RFC 9110 section 13.2.2).
fn is_known(document: &JwksDocument, asked: &HeaderMap) -> bool {
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let tags: Vec<_> = asked.get_all(header::IF_NONE_MATCH).map(text).collect();
    if !tags.is_empty() {
        return document.matches(&tags.join(", "));
    }
    let since = asked.get(header::IF_MODIFIED_SINCE).map(text);
    let since = since.and_then(|since| httpdate::parse_http_date(&since).ok());
    since.is_some_and(|since| last_modified(document) <= since)
}

fn last_modified(document: &JwksDocument) -> SystemTime {
    document.last_modified().as_datetime().into()
}
