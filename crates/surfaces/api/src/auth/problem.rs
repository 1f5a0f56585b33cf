//! What the account service refuses, as statuses and codes.

use actix_web::http::{
    StatusCode,
    header::{self, HeaderValue},
};
use chancery_accounts::{HashPool, LoginRefused, RefreshRefused, VisitRefused};
use chancery_tokens::{EndRefused, TokensError};
use serde_json::json;

use crate::problem::{Failure, Violation, Violations};

impl From<LoginRefused> for Failure {
    fn from(refused: LoginRefused) -> Self {
        match refused {
            LoginRefused::InvalidCredentials => {
                unauthorized("invalid_credentials", "Incorrect e-mail address or password.")
            }
            LoginRefused::Disabled => forbidden("account_disabled", "This account is disabled."),
            LoginRefused::Pending => forbidden("account_pending", "This account is not active yet."),
            LoginRefused::TenantRequired { tenants } => Self::coded(
                StatusCode::BAD_REQUEST,
                "tenant_required",
                "You belong to several tenants: say which one in tenant_id.",
            )
            .with_details(json!({"tenants": tenants})),
            LoginRefused::TenantSuspended => tenant_suspended(),
            LoginRefused::TooManyFailures { retry_after } => Self::coded(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_failures",
                "Too many logins failed from your network. Try again later.",
            )
            .retry_after(retry_after),
            LoginRefused::Busy => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many people are logging in at the moment.",
            )
            .retry_after(HashPool::RETRY_AFTER),
            LoginRefused::Tokens(error) => error.into(),
            LoginRefused::Fault(fault) => fault.into(),
        }
    }
}

impl From<TokensError> for Failure {
    fn from(error: TokensError) -> Self {
        match error {
            TokensError::DeviceNameTooLong => {
                let violation =
                    Violation::new("body", "string_too_long", "String should have at most 255 bytes");
                Violations::from(violation.at("fingerprint").ctx(json!({"max_length": 255}))).into()
            }
            TokensError::Fault(fault) => fault.into(),
        }
    }
}

impl From<RefreshRefused> for Failure {
    fn from(refused: RefreshRefused) -> Self {
        match refused {
            RefreshRefused::Token(refused) => refused.into(),
            RefreshRefused::OwnerGone | RefreshRefused::OtherClient | RefreshRefused::NoScope => stale(),
            RefreshRefused::TenantSuspended => tenant_suspended(),
            RefreshRefused::Fault(fault) => fault.into(),
        }
    }
}

impl From<chancery_tokens::RefreshRefused> for Failure {
    /// Whoever presents a token that is not taken learns no more than that.
    fn from(refused: chancery_tokens::RefreshRefused) -> Self {
        use chancery_tokens::RefreshRefused as Refused;
        match refused {
            Refused::Invalid | Refused::Expired | Refused::Ended | Refused::WrongDevice | Refused::Reused => {
                stale()
            }
            Refused::Fault(fault) => fault.into(),
        }
    }
}

impl From<VisitRefused> for Failure {
    fn from(refused: VisitRefused) -> Self {
        match refused {
            VisitRefused::Denied(denied) => denied.into(),
            VisitRefused::Reason => Self::new(
                StatusCode::BAD_REQUEST,
                "X-Operator-Reason has 8 to 500 characters.",
            ),
            VisitRefused::Absent => Self::not_found("There is no such tenant."),
            VisitRefused::Fault(fault) => fault.into(),
        }
    }
}

impl From<EndRefused> for Failure {
    fn from(refused: EndRefused) -> Self {
        match refused {
            EndRefused::NotYours => Self::new(
                StatusCode::FORBIDDEN,
                "The refresh token belongs to somebody else.",
            ),
            EndRefused::Fault(fault) => fault.into(),
        }
    }
}

/// A session that is not there, or not the caller's.
pub(super) fn absent() -> Failure {
    Failure::not_found("Session not found.")
}

fn stale() -> Failure {
    unauthorized(
        "invalid_refresh_token",
        "Refresh token has been revoked or expired.",
    )
}

fn tenant_suspended() -> Failure {
    forbidden("tenant_suspended", "This tenant is suspended.")
}

fn forbidden(code: &'static str, message: &'static str) -> Failure {
    Failure::coded(StatusCode::FORBIDDEN, code, message)
}

/// RFC 9110 section 15.5.2: a 401 names a way to do better.
fn unauthorized(code: &'static str, message: &'static str) -> Failure {
    Failure::coded(StatusCode::UNAUTHORIZED, code, message).with_header(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Bearer realm=\"chancery\""),
    )
}
