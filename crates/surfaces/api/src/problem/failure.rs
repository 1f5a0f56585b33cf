//! A refusal on its way out, and its body.

use std::{borrow::Cow, fmt, time::Duration};

use actix_web::{
    Error, HttpResponse, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{
        StatusCode,
        header::{self, HeaderName, HeaderValue},
    },
    middleware::Next,
};
use chancery_access::Denied;
use chancery_actix_auth::BearerRefused;
use chancery_ambient::{Fault, cause_of};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// When to come back after something outside failed.
pub(crate) const RETRY_SOON: Duration = Duration::from_secs(2);

/// A refused or failed request: what a handler returns in place of its answer.
#[derive(Debug)]
pub struct Failure {
    status: StatusCode,
    code: Cow<'static, str>,
    message: Cow<'static, str>,
    details: Value,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The body of every error (RFC 9457), with the members that clients of the first version read.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem: `urn:chancery:problem:` and `error`.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// For people.
    detail: String,
    /// The path that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    /// Always false.
    success: bool,
    /// The stable code.
    error: String,
    /// The same as `detail`.
    message: String,
    /// What else there is to know; depends on `error`, null when there is nothing.
    details: Value,
}

impl Failure {
    /// A failure under the code that its status has when there is nothing more special to say.
    pub fn new(status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self::coded(status, code_of(status), message)
    }

    /// A failure under a code of its own.
    pub fn coded(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            details: Value::Null,
            headers: Vec::new(),
        }
    }

    /// What does not exist, or belongs to somebody else.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// The same with `details`.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with `Retry-After`, in whole seconds and at least one.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        self.with_header(header::RETRY_AFTER, HeaderValue::from(whole_seconds(wait)))
    }

    /// The answer. No cache keeps it: what is refused now may be granted in a moment.
    pub fn render(&self, instance: Option<&str>) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response
            .insert_header((header::CONTENT_TYPE, "application/problem+json"))
            .insert_header((header::CACHE_CONTROL, "no-store"));
        for header in &self.headers {
            response.append_header(header.clone());
        }
        let body = serde_json::to_vec(&self.body(instance)).unwrap_or_default();
        response.body(body)
    }

    fn body(&self, instance: Option<&str>) -> Problem {
        Problem {
            kind: format!("urn:chancery:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: self.message.to_string(),
            instance: instance.map(ToOwned::to_owned),
            success: false,
            error: self.code.to_string(),
            message: self.message.to_string(),
            details: self.details.clone(),
        }
    }
}

/// Middleware that adds `instance`, which a handler's error cannot know.
pub(crate) async fn name_instance(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let response = next.call(request).await?;
    let error = response.response().error();
    match error.and_then(|error| error.as_error::<Failure>()) {
        Some(failure) => {
            let rendered = failure.render(Some(response.request().path()));
            Ok(response.into_response(rendered))
        }
        None => Ok(response.map_into_boxed_body()),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        self.render(None)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let source = cause_of(&fault);
        match fault {
            Fault::Unavailable(_) => {
                tracing::warn!(source, "{fault}");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "The service is unavailable at the moment.",
                )
                .retry_after(RETRY_SOON)
            }
            Fault::TimedOut(_) => {
                tracing::warn!(source, "{fault}");
                Self::new(
                    StatusCode::GATEWAY_TIMEOUT,
                    "There was no answer in time. Trying again is safe.",
                )
                .retry_after(RETRY_SOON)
            }
            Fault::Corrupt(_) => {
                tracing::error!(source, "{fault}");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "Something went wrong on our side.",
                )
            }
        }
    }
}

impl From<Denied> for Failure {
    /// With the challenge of RFC 6750 section 3.1 when another token could help.
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Scope(scope) => {
                let failure = Self::new(StatusCode::FORBIDDEN, "Insufficient scopes for this operation.")
                    .with_details(json!({"required_scope": scope.as_str()}));
                let challenge =
                    format!("Bearer realm=\"chancery\", error=\"insufficient_scope\", scope=\"{scope}\"");
                match HeaderValue::try_from(challenge) {
                    Ok(challenge) => failure.with_header(header::WWW_AUTHENTICATE, challenge),
                    Err(_) => failure,
                }
            }
            Denied::Delegated => Self::coded(
                StatusCode::FORBIDDEN,
                "delegated",
                "This cannot be done on behalf of somebody else.",
            ),
            Denied::NotAPerson => Self::new(StatusCode::FORBIDDEN, "Only a person may do this."),
        }
    }
}

/// A wait as `Retry-After` tells it: rounded up, and at least one.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

impl From<BearerRefused> for Failure {
    fn from(refused: BearerRefused) -> Self {
        let mut failure = Self::new(refused.cause.status(), sentence(&refused.cause.to_string()));
        if failure.status == StatusCode::SERVICE_UNAVAILABLE {
            failure = failure.retry_after(RETRY_SOON);
        }
        match refused.challenge() {
            Some(challenge) => failure.with_header(header::WWW_AUTHENTICATE, challenge),
            None => failure,
        }
    }
}

/// The code of a status, where the route has none of its own.
fn code_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "BadRequest",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        408 => "RequestTimeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "PayloadTooLarge",
        415 => "UnsupportedMediaType",
        422 => "ValidationError",
        423 => "Locked",
        429 => "TooManyRequests",
        500 => "InternalServerError",
        502 => "BadGateway",
        503 => "ServiceUnavailable",
        504 => "GatewayTimeout",
        _ => "HTTPException",
    }
}

/// An error's text as a sentence.
pub(crate) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase);
    first
        .into_iter()
        .flatten()
        .chain(chars)
        .chain(std::iter::once('.'))
        .collect()
}
