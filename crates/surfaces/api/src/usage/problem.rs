//! What the usage service refuses, as statuses and codes.

use actix_web::http::StatusCode;
use chancery_billing::UsageRefused;

use crate::problem::{Failure, sentence};

impl From<UsageRefused> for Failure {
    fn from(refused: UsageRefused) -> Self {
        match refused {
            UsageRefused::Denied(denied) => denied.into(),
            UsageRefused::Cursor(refused) => Self::coded(
                StatusCode::BAD_REQUEST,
                "invalid_cursor",
                sentence(&refused.to_string()),
            ),
            UsageRefused::Fault(fault) => fault.into(),
        }
    }
}
