//! Metadata of the authorization server (RFC 8414).

use actix_web::{HttpResponse, get, http::header, web::Data};
use chancery_access::TenantRole;
use serde::Serialize;
use utoipa::ToSchema;

use crate::OAuth;

/// What clients can find out about us. What is not offered is not listed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Metadata {
    /// `iss` of our tokens, byte for byte.
    issuer: String,
    /// Where our keys are.
    jwks_uri: String,
    /// What a token may allow.
    scopes_supported: Vec<String>,
    /// None: there is no authorization endpoint.
    response_types_supported: [String; 0],
    /// None: there is no token endpoint of OAuth's yet.
    grant_types_supported: [String; 0],
}

impl Metadata {
    fn of(oauth: &OAuth) -> Self {
        Self {
            issuer: oauth.issuer.clone(),
            jwks_uri: format!("{}/.well-known/jwks.json", oauth.public_url.trim_end_matches('/')),
            scopes_supported: TenantRole::Owner
                .scopes()
                .iter()
                .map(ToString::to_string)
                .collect(),
            response_types_supported: [],
            grant_types_supported: [],
        }
    }
}

/// Describes the authorization server (RFC 8414).
#[utoipa::path(tag = "oauth", responses((status = 200, description = "The metadata", body = Metadata)))]
#[get("/.well-known/oauth-authorization-server")]
pub(crate) async fn authorization_server(oauth: Data<OAuth>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .json(Metadata::of(&oauth))
}
