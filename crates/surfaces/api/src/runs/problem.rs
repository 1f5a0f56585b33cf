//! What the run service refuses, and how runs fail, as statuses and codes.

use actix_web::http::StatusCode;
use chancery_agents::{ApprovalRefused, ChatRefused, ErrorSource, ReadRefused, RunFailure, RunStatus};
use chancery_ids::RunId;
use serde_json::json;

use crate::problem::{Failure, RETRY_SOON, Violation, Violations, sentence, whole_seconds};

impl From<ChatRefused> for Failure {
    fn from(refused: ChatRefused) -> Self {
        match refused {
            ChatRefused::Denied(denied) => denied.into(),
            ChatRefused::MessageSize => invalid("message", &refused),
            ChatRefused::UnknownAgent(_) => invalid("agent_type", &refused),
            ChatRefused::RunIsLive { run, approval: None } => Self::coded(
                StatusCode::CONFLICT,
                "run_in_progress",
                "A run of this conversation is going on: read it or cancel it.",
            )
            .with_details(json!({"run_id": run, "status": RunStatus::Running})),
            ChatRefused::RunIsLive {
                run,
                approval: Some(approval),
            } => Self::coded(
                StatusCode::CONFLICT,
                "approval_pending",
                "A run of this conversation waits for an approval: settle it, or cancel the run.",
            )
            .with_details(
                json!({"run_id": run, "approval_id": approval, "status": RunStatus::AwaitingApproval}),
            ),
            ChatRefused::TooOften { limit, retry_after } => {
                let seconds = whole_seconds(retry_after);
                let message = format!("Rate limit exceeded ({limit}). Retry after {seconds}s.");
                Self::coded(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", message)
                    .retry_after(retry_after)
            }
            ChatRefused::KeyReused => Self::coded(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "Another turn was sent under this Idempotency-Key.",
            ),
            ChatRefused::RunIsDeleted(run) => Self::coded(
                StatusCode::CONFLICT,
                "run_deleted",
                "This turn was sent before, and was deleted since.",
            )
            .with_details(json!({"run_id": run})),
            ChatRefused::ShuttingDown => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "The server is going down.")
                    .retry_after(RETRY_SOON)
            }
            ChatRefused::Fault(fault) => fault.into(),
        }
    }
}

fn invalid(member: &'static str, refused: &ChatRefused) -> Failure {
    let violation = Violation::new("body", "value_error", format!("Value error, {refused}"));
    Violations::from(violation.at(member)).into()
}

impl From<ApprovalRefused> for Failure {
    fn from(refused: ApprovalRefused) -> Self {
        match refused {
            ApprovalRefused::Denied(denied) => denied.into(),
            ApprovalRefused::Absent => no_approval(),
            ApprovalRefused::ReasonTooLong => {
                let violation = Violation::new("body", "string_too_long", format!("Value error, {refused}"));
                Violations::from(violation.at("reason")).into()
            }
            ApprovalRefused::Closed(state) => {
                let message = format!("The approval is {} already.", state.as_str());
                Self::coded(StatusCode::CONFLICT, "approval_closed", message)
                    .with_details(json!({"status": state.as_str()}))
            }
            ApprovalRefused::ShuttingDown => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "The server is going down.")
                    .retry_after(RETRY_SOON)
            }
            ApprovalRefused::Fault(fault) => fault.into(),
        }
    }
}

/// No such approval, or somebody else's: there is no telling which.
pub(super) fn no_approval() -> Failure {
    Failure::not_found("Approval not found.")
}

impl From<ReadRefused> for Failure {
    fn from(refused: ReadRefused) -> Self {
        match refused {
            ReadRefused::Denied(denied) => denied.into(),
            ReadRefused::Forgotten => Self::coded(
                StatusCode::GONE,
                "run_log_expired",
                "The events of this run are kept no more; its answer is in the conversation.",
            ),
            ReadRefused::CutOff => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "The reader was too slow.").retry_after(RETRY_SOON)
            }
            ReadRefused::Fault(fault) => fault.into(),
        }
    }
}

/// A turn whose run failed: who failed decides the status, and the details tell which run to look at.
pub(super) fn failed(run: RunId, failure: RunFailure) -> Failure {
    let status = match (failure.code.as_str(), failure.source) {
        ("model_timeout" | "run_timeout", _) => StatusCode::GATEWAY_TIMEOUT,
        ("model_unavailable" | "model_rate_limited", _) => StatusCode::SERVICE_UNAVAILABLE,
        (_, ErrorSource::Server) if failure.is_retryable => StatusCode::SERVICE_UNAVAILABLE,
        // A model that refuses, breaks off, or runs into the limits of a run.
        (_, ErrorSource::Provider | ErrorSource::Server) => StatusCode::BAD_GATEWAY,
    };
    let details = json!({"run_id": run, "source": failure.source, "is_retryable": failure.is_retryable});
    let answer = Failure::coded(status, failure.code, sentence(&failure.message)).with_details(details);
    if failure.is_retryable {
        answer.retry_after(RETRY_SOON)
    } else {
        answer
    }
}

/// Somebody stopped the run while its answer was waited for.
pub(super) fn cancelled(run: RunId) -> Failure {
    Failure::coded(StatusCode::CONFLICT, "run_cancelled", "The run was cancelled.")
        .with_details(json!({"run_id": run}))
}

/// Another replica has the run now.
pub(super) fn taken_over(run: RunId) -> Failure {
    let message = "Another server took this run over: read its end by its id.";
    Failure::coded(StatusCode::SERVICE_UNAVAILABLE, "run_taken_over", message)
        .with_details(json!({"run_id": run}))
        .retry_after(RETRY_SOON)
}

/// No such run, or somebody else's: there is no telling which.
pub(super) fn absent() -> Failure {
    Failure::not_found("Run not found.")
}
