//! The caller as the caller reads it.

use actix_web::http::header::{self, HeaderMap};
use chancery_accounts::Me;
use chancery_ids::SessionId;
use chancery_jose::jws::Unverified;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Who is calling, as they stand now, and what the token of this call says.
#[derive(Serialize, ToSchema)]
pub(super) struct MeAnswer {
    #[schema(format = Uuid)]
    user_id: String,
    /// The claims of the access token.
    #[schema(value_type = Object)]
    token_payload: Value,
    email: String,
    email_verified: bool,
    #[schema(format = Uuid)]
    tenant_id: String,
    /// The role that the person has now.
    role: &'static str,
    /// What the token allows, which may be less than the role does.
    scopes: Vec<String>,
    #[schema(format = Uuid)]
    session_id: Option<String>,
}

impl MeAnswer {
    pub(super) fn new(me: Me, session: Option<SessionId>, token_payload: Value) -> Self {
        Self {
            user_id: me.member.user.to_string(),
            token_payload,
            email: me.member.email.to_string(),
            email_verified: me.member.email_verified,
            tenant_id: me.member.tenant.to_string(),
            role: me.member.role.as_str(),
            scopes: me.scopes.iter().map(ToString::to_string).collect(),
            session_id: session.map(|session| session.to_string()),
        }
    }
}

/// The claims of the token that these headers carry. It has been verified when a handler runs; here it is only read.
pub(super) fn claims_of(headers: &HeaderMap) -> Value {
    let credentials = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = credentials
        .and_then(|credentials| credentials.rsplit_once(' '))
        .map(|(_, token)| token);
    let message = token.and_then(|token| Unverified::parse(token).ok());
    message
        .and_then(|message| serde_json::from_slice(message.unverified_payload()).ok())
        .unwrap_or_default()
}
