//! Metadata of the authorization server (RFC 8414).

use actix_web::{HttpResponse, get, http::header, web::Data};
use chancery_access::TenantRole;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Published, token::TOKEN_EXCHANGE};

/// What clients can find out about us. What is not offered is not listed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Metadata {
    /// `iss` of our tokens, byte for byte.
    issuer: String,
    /// Where our keys are.
    jwks_uri: String,
    /// Where tokens are issued.
    token_endpoint: String,
    /// Where it is told what a token is worth.
    introspection_endpoint: String,
    /// Where tokens are given back.
    revocation_endpoint: String,
    /// Where it is told what the person of a token is called.
    userinfo_endpoint: String,
    /// Where the people who run a tenant register its clients.
    registration_endpoint: String,
    /// What a token may allow.
    scopes_supported: Vec<String>,
    /// None: there is no authorization endpoint.
    response_types_supported: [String; 0],
    /// How tokens are had.
    grant_types_supported: [&'static str; 3],
    /// How clients prove themselves there; `none` is for sessions, which have no client with a secret.
    token_endpoint_auth_methods_supported: [&'static str; 4],
    /// What a client may sign its assertion with.
    token_endpoint_auth_signing_alg_values_supported: [&'static str; 3],
    /// How clients prove themselves there.
    introspection_endpoint_auth_methods_supported: [&'static str; 3],
    /// What a client may sign its assertion with.
    introspection_endpoint_auth_signing_alg_values_supported: [&'static str; 3],
    /// How clients prove themselves there.
    revocation_endpoint_auth_methods_supported: [&'static str; 4],
    /// What a client may sign its assertion with.
    revocation_endpoint_auth_signing_alg_values_supported: [&'static str; 3],
    /// What a subject of OpenID Connect is called: the same to every client.
    subject_types_supported: [&'static str; 1],
    /// What our tokens are signed with.
    id_token_signing_alg_values_supported: [&'static str; 1],
}

const PROVEN: [&str; 3] = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
const PROVEN_OR_NAMED: [&str; 4] = [
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
    "none",
];
const ASSERTED_WITH: [&str; 3] = ["EdDSA", "Ed25519", "ES256"];

impl Metadata {
    fn of(published: &Published) -> Self {
        let base = published.public_url.trim_end_matches('/');
        Self {
            issuer: published.issuer.clone(),
            jwks_uri: format!("{base}/.well-known/jwks.json"),
            token_endpoint: Published::token_endpoint(base),
            introspection_endpoint: format!("{base}/oauth/introspect"),
            revocation_endpoint: format!("{base}/oauth/revoke"),
            userinfo_endpoint: format!("{base}/oauth/userinfo"),
            registration_endpoint: format!("{base}/oauth/register"),
            scopes_supported: TenantRole::Owner
                .scopes()
                .iter()
                .map(ToString::to_string)
                .collect(),
            response_types_supported: [],
            grant_types_supported: ["refresh_token", "client_credentials", TOKEN_EXCHANGE],
            token_endpoint_auth_methods_supported: PROVEN_OR_NAMED,
            token_endpoint_auth_signing_alg_values_supported: ASSERTED_WITH,
            introspection_endpoint_auth_methods_supported: PROVEN,
            introspection_endpoint_auth_signing_alg_values_supported: ASSERTED_WITH,
            revocation_endpoint_auth_methods_supported: PROVEN_OR_NAMED,
            revocation_endpoint_auth_signing_alg_values_supported: ASSERTED_WITH,
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: ["EdDSA"],
        }
    }
}

/// Describes the authorization server (RFC 8414).
#[utoipa::path(tag = "oauth", responses((status = 200, description = "The metadata", body = Metadata)))]
#[get("/.well-known/oauth-authorization-server")]
pub(crate) async fn authorization_server(published: Data<Published>) -> HttpResponse {
    answer(&published)
}

/// The same under the address that clients of OpenID Connect know (OpenID Connect Discovery section 4).
#[utoipa::path(tag = "oauth", responses((status = 200, description = "The metadata", body = Metadata)))]
#[get("/.well-known/openid-configuration")]
pub(crate) async fn openid_configuration(published: Data<Published>) -> HttpResponse {
    answer(&published)
}

fn answer(published: &Published) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"))
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .json(Metadata::of(published))
}
