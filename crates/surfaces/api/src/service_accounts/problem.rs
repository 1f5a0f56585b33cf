//! What the service-account service refuses, as statuses and codes.

use actix_web::http::StatusCode;
use chancery_accounts::{IssueRefused, PayloadRefused, ServiceTokensRefused};

use super::credential::refused;
use crate::problem::Failure;

impl From<IssueRefused> for Failure {
    fn from(refusal: IssueRefused) -> Self {
        match refusal {
            IssueRefused::Payload(PayloadRefused::NotValid(told)) => refused(told),
            IssueRefused::BadSignature | IssueRefused::NonceUsed => refused(refusal.to_string()),
            IssueRefused::Payload(PayloadRefused::Malformed(_)) | IssueRefused::Mismatch(_) => {
                Self::new(StatusCode::BAD_REQUEST, refusal.to_string())
            }
            IssueRefused::Rule(rule) => {
                Self::coded(StatusCode::BAD_REQUEST, "service_account_rule", rule.to_string())
            }
            IssueRefused::TooMany { retry_after, .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, refusal.to_string()).retry_after(retry_after)
            }
            IssueRefused::NotConfigured => Self::coded(
                StatusCode::SERVICE_UNAVAILABLE,
                "vault_not_configured",
                refusal.to_string(),
            )
            .retry_after(crate::problem::RETRY_SOON),
            IssueRefused::Denied(denied) => denied.into(),
            IssueRefused::Fault(fault) => fault.into(),
        }
    }
}

impl From<ServiceTokensRefused> for Failure {
    fn from(refusal: ServiceTokensRefused) -> Self {
        match refusal {
            ServiceTokensRefused::Denied(denied) => denied.into(),
            ServiceTokensRefused::Absent => absent(),
            ServiceTokensRefused::Fault(fault) => fault.into(),
        }
    }
}

/// A token that is not there, or not of the caller's tenant.
pub(super) fn absent() -> Failure {
    Failure::not_found("Service-account token not found.")
}
