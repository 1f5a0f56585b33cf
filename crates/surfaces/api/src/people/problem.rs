//! What the people service refuses, as statuses and codes.

use actix_web::http::StatusCode;
use chancery_accounts::{InvitationRefused, LinkRefused, MembersRefused, PasswordRefused, WeakPassword};
use serde_json::json;

use crate::problem::{Failure, Violation, Violations};

impl From<PasswordRefused> for Failure {
    fn from(refused: PasswordRefused) -> Self {
        match refused {
            PasswordRefused::Denied(denied) => denied.into(),
            PasswordRefused::WrongPassword => Self::coded(
                StatusCode::FORBIDDEN,
                "invalid_credentials",
                "The current password is wrong.",
            ),
            PasswordRefused::Weak(weak) => weak_password(weak, "new_password"),
            PasswordRefused::Link(refused) => refused.into(),
            PasswordRefused::Absent => no_member(),
            PasswordRefused::NotBelow => not_below(),
            PasswordRefused::TooMany { retry_after } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many tries.").retry_after(retry_after)
            }
            PasswordRefused::Fault(fault) => fault.into(),
        }
    }
}

impl From<LinkRefused> for Failure {
    fn from(refused: LinkRefused) -> Self {
        match refused {
            LinkRefused::Invalid => Self::coded(
                StatusCode::BAD_REQUEST,
                "invalid_token",
                "The link is invalid or has expired.",
            ),
            LinkRefused::Fault(fault) => fault.into(),
        }
    }
}

impl From<MembersRefused> for Failure {
    fn from(refused: MembersRefused) -> Self {
        match refused {
            MembersRefused::Denied(denied) => denied.into(),
            MembersRefused::Absent => no_member(),
            MembersRefused::NotBelow => not_below(),
            MembersRefused::LastOwner => Self::coded(
                StatusCode::CONFLICT,
                "last_owner",
                "A tenant keeps at least one owner.",
            ),
            MembersRefused::Fault(fault) => fault.into(),
        }
    }
}

impl From<InvitationRefused> for Failure {
    fn from(refused: InvitationRefused) -> Self {
        match refused {
            InvitationRefused::Denied(denied) => denied.into(),
            InvitationRefused::Email(error) => {
                Violations::from(Violation::new("body", "value_error", error.to_string()).at("email")).into()
            }
            InvitationRefused::RoleAbove(_) => not_below(),
            InvitationRefused::MemberAlready => Self::coded(
                StatusCode::CONFLICT,
                "already_member",
                "This person is a member already.",
            ),
            InvitationRefused::TooMany => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many invitations wait for this address.",
            )
            .retry_after(crate::problem::RETRY_SOON),
            InvitationRefused::Limited { retry_after } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many invitations were sent.")
                    .retry_after(retry_after)
            }
            InvitationRefused::Absent => no_invitation(),
            InvitationRefused::Link(refused) => refused.into(),
            InvitationRefused::PasswordNeeded => {
                Violations::from(Violation::new("body", "missing", "Field required").at("password")).into()
            }
            InvitationRefused::Weak(weak) => weak_password(weak, "password"),
            InvitationRefused::Busy { retry_after } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "Too many passwords are being checked at the moment.",
            )
            .retry_after(retry_after),
            InvitationRefused::Fault(fault) => fault.into(),
        }
    }
}

fn weak_password(weak: WeakPassword, member: &'static str) -> Failure {
    let reason = match weak {
        WeakPassword::Short => "too_short",
        WeakPassword::Long => "too_long",
        WeakPassword::OneClass => "one_class",
        WeakPassword::Guessable => "guessable",
        WeakPassword::Stolen => "stolen",
        WeakPassword::Reused => "reused",
    };
    Failure::coded(
        StatusCode::UNPROCESSABLE_ENTITY,
        "weak_password",
        weak.to_string(),
    )
    .with_details(json!([{"type": reason, "loc": ["body", member], "msg": weak.to_string()}]))
}

/// Too many wishes at once, whoever has them.
pub(super) fn busy() -> Failure {
    Failure::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "Too much is asked for at the moment.",
    )
    .retry_after(crate::problem::RETRY_SOON)
}

pub(super) fn no_member() -> Failure {
    Failure::not_found("Member not found.")
}

pub(super) fn no_invitation() -> Failure {
    Failure::not_found("Invitation not found.")
}

fn not_below() -> Failure {
    Failure::coded(
        StatusCode::FORBIDDEN,
        "role_not_below",
        "Only who stands above may do this.",
    )
}
