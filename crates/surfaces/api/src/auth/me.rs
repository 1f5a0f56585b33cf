//! The caller as the caller reads it.

use actix_web::http::header::{self, HeaderMap};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_access::Principal;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// Who is calling: what the token of this call says, which holds as long as the token does.
#[derive(Serialize, ToSchema)]
pub(super) struct MeAnswer<'c> {
    /// A person's id, or a machine's `sub`.
    user_id: String,
    /// The claims of the access token.
    #[schema(value_type = Option<Object>)]
    token_payload: Option<Box<RawValue>>,
    #[schema(format = Uuid)]
    tenant_id: String,
    /// The person's role. A machine has none.
    role: Option<&'static str>,
    /// What the token allows.
    scopes: Vec<&'c str>,
    #[schema(format = Uuid)]
    session_id: Option<String>,
}

impl<'c> MeAnswer<'c> {
    pub(super) fn new(caller: &'c Principal, headers: &HeaderMap) -> Self {
        Self {
            user_id: caller
                .subject
                .person()
                .map_or_else(|| caller.subject.to_string(), |user| user.to_string()),
            token_payload: claims_of(headers),
            tenant_id: caller.tenant.to_string(),
            role: caller.role.map(chancery_access::TenantRole::as_str),
            scopes: caller.scopes.iter().map(chancery_access::Scope::as_str).collect(),
            session_id: caller.session.map(|session| session.to_string()),
        }
    }
}

/// The claims of the token that these headers carry. It has been verified when a handler runs; here it is only read.
fn claims_of(headers: &HeaderMap) -> Option<Box<RawValue>> {
    let credentials = headers.get(header::AUTHORIZATION)?.as_bytes();
    let claims = credentials.split(|byte| *byte == b'.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}
