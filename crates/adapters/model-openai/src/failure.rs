//! What a provider's refusal means.
//!
//! The sources of these errors hold the provider's status and its error code. Its message stays out: it may quote the
//! key or the request.

use std::fmt;

use chancery_agents::ModelError;
use serde_json::Value;

const LONGEST_CODE: usize = 64;

/// What the provider said of its failure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
struct Said {
    status: Option<u16>,
    code: Option<String>,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the provider answered")?;
        if let Some(status) = self.status {
            write!(f, " with status {status}")?;
        }
        match &self.code {
            Some(code) => write!(f, " `{code}`"),
            None if self.status.is_none() => f.write_str(" with an error that has no code"),
            None => Ok(()),
        }
    }
}

/// The stream was not what the protocol says.
pub(crate) fn broken(why: &'static str) -> ModelError {
    ModelError::Broken(why.into())
}

/// An answer of another status than 200.
pub(crate) fn of_status(status: u16, body: Option<&Value>) -> ModelError {
    let code = body.and_then(code);
    let is_final = code.as_deref().is_some_and(is_final);
    let said = Box::new(Said {
        status: Some(status),
        code,
    });
    match status {
        // Money that ran out is reported as a rate limit, and does not come back by waiting.
        429 if is_final => ModelError::Refused(said),
        429 => ModelError::RateLimited,
        408 | 409 | 500.. => ModelError::Unavailable(said),
        _ => ModelError::Refused(said),
    }
}

/// An error that came as an event of the stream: the object with `code`, or around `error`.
pub(crate) fn of_event(event: &Value) -> ModelError {
    let code = code(event);
    let known = code.as_deref().unwrap_or_default();
    if let Ok(status @ 400..=599) = known.parse() {
        return of_status(status, Some(event));
    }
    let kind = match known {
        "rate_limit_exceeded" | "rate_limit_error" | "too_many_requests" => return ModelError::RateLimited,
        "server_error"
        | "internal_error"
        | "internal_server_error"
        | "service_unavailable"
        | "overloaded_error"
        | "timeout" => ModelError::Unavailable,
        known if is_final(known) => ModelError::Refused,
        _ => ModelError::Broken,
    };
    kind(Box::new(Said { status: None, code }))
}

/// The answer was cut, for a reason that the provider names.
pub(crate) fn of_ending(reason: Option<&str>) -> ModelError {
    let code = reason.filter(|reason| is_code(reason)).map(str::to_owned);
    let kind = match reason {
        Some("content_filter") => ModelError::Refused,
        _ => ModelError::Broken,
    };
    kind(Box::new(CutShort { reason: code }))
}

/// The answer ended before it was whole.
#[derive(Debug, thiserror::Error)]
#[error("the answer is not whole: {}", reason.as_deref().unwrap_or("no reason was given"))]
struct CutShort {
    reason: Option<String>,
}

/// Sending the same again gives the same.
fn is_final(code: &str) -> bool {
    code.starts_with("invalid_")
        || matches!(
            code,
            "insufficient_quota"
                | "billing_hard_limit_reached"
                | "content_filter"
                | "content_policy_violation"
                | "context_length_exceeded"
                | "model_not_found"
                | "unsupported_value"
                | "permission_denied"
        )
}

/// The code of an error object, or of the one inside `error` or `response.error`; else its type.
fn code(body: &Value) -> Option<String> {
    ["/error/code", "/response/error/code", "/code", "/error/type"]
        .into_iter()
        .find_map(|pointer| match body.pointer(pointer)? {
            Value::String(code) => is_code(code).then(|| code.clone()),
            Value::Number(code) => Some(code.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        })
}

/// Short and plain: nothing that could carry a sentence into a log.
fn is_code(text: &str) -> bool {
    (1..=LONGEST_CODE).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use serde_json::json;

    use super::{of_ending, of_event, of_status};

    #[test]
    fn a_status_says_who_can_mend_it() {
        for (status, code) in [
            (400, "model_refused"),
            (401, "model_refused"),
            (404, "model_refused"),
            (302, "model_refused"),
            (408, "model_unavailable"),
            (429, "model_rate_limited"),
            (503, "model_unavailable"),
        ] {
            assert_eq!(of_status(status, None).code(), code, "{status}");
        }
    }

    #[test]
    fn an_empty_purse_is_no_rate_limit() {
        let body = json!({"error": {"code": "insufficient_quota", "message": "You exceeded your quota"}});
        assert_eq!(of_status(429, Some(&body)).code(), "model_refused");
    }

    #[test]
    fn the_source_has_status_and_code_and_nothing_the_provider_wrote() {
        let body =
            json!({"error": {"code": "invalid_api_key", "message": "Incorrect API key provided: sk-secret"}});
        let source = of_status(401, Some(&body)).source().unwrap().to_string();
        assert_eq!(source, "the provider answered with status 401 `invalid_api_key`");
        let body = json!({"error": {"code": "your key sk-secret is wrong"}});
        let source = of_status(401, Some(&body)).source().unwrap().to_string();
        assert_eq!(source, "the provider answered with status 401");
    }

    #[test]
    fn an_error_in_the_stream_is_read_by_its_code() {
        for (event, code) in [
            (
                json!({"type": "error", "code": "rate_limit_exceeded"}),
                "model_rate_limited",
            ),
            (
                json!({"response": {"error": {"code": "server_error"}}}),
                "model_unavailable",
            ),
            (
                json!({"response": {"error": {"code": "invalid_prompt"}}}),
                "model_refused",
            ),
            (json!({"error": {"code": 502}}), "model_unavailable"),
            (
                json!({"error": {"code": null, "type": "invalid_request_error"}}),
                "model_refused",
            ),
            (json!({"error": {"message": "?"}}), "model_stream_broken"),
        ] {
            assert_eq!(of_event(&event).code(), code, "{event}");
        }
    }

    #[test]
    fn a_cut_answer_is_broken_and_a_filtered_one_refused() {
        assert_eq!(of_ending(Some("max_output_tokens")).code(), "model_stream_broken");
        assert_eq!(of_ending(None).code(), "model_stream_broken");
        assert_eq!(of_ending(Some("content_filter")).code(), "model_refused");
    }
}
