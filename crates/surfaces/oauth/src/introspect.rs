//! What a token is worth (RFC 7662), and giving it back (RFC 7009).

use actix_web::{HttpRequest, HttpResponse, http::header, post, web::Data};
use chancery_tokens::Active;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    client::{Shown, client},
    error::{ErrorBody, OAuthError},
    form::Form,
    state::{OAuth, run},
};

/// The parameters, for the API's description.
#[derive(ToSchema)]
#[expect(dead_code, reason = "this describes a form that is read name by name")]
pub(crate) struct TokenToJudge {
    token: String,
    /// Not needed: what a token is shows.
    token_type_hint: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
}

/// What a token says (RFC 7662 section 2.2). One that counts no more, or is another tenant's, says that it is not active.
#[derive(Serialize, ToSchema)]
pub(crate) struct Introspection {
    active: bool,
    /// The claims, when it is active.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    claims: Value,
}

/// Tells a client what a token of its tenant is worth at this moment, revocations included.
#[utoipa::path(
    tag = "oauth",
    request_body(content = TokenToJudge, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "What the token is worth", body = Introspection),
        (status = 400, description = "The request is invalid", body = ErrorBody),
        (status = 401, description = "The client did not prove itself", body = ErrorBody),
        (status = 408, description = "The body did not arrive in time", body = ErrorBody),
        (status = 413, description = "The body is larger than 64 KiB", body = ErrorBody),
        (status = 415, description = "The body is no form", body = ErrorBody),
        (status = 500, description = "Something went wrong on our side", body = ErrorBody),
        (status = 503, description = "Unavailable at the moment; see Retry-After", body = ErrorBody),
        (status = 504, description = "No answer in time; see Retry-After", body = ErrorBody),
    ),
)]
#[post("/oauth/introspect")]
pub(crate) async fn introspect(
    oauth: Data<OAuth>,
    request: HttpRequest,
    form: Form,
) -> Result<HttpResponse, OAuthError> {
    let credentials = Shown::read(&request, &form)?.proven()?;
    let token = form.required("token")?;
    let client = client(&oauth, credentials).await?;
    let told = match oauth.apps.introspect_in_memory(&client, &token) {
        Some(told) => told,
        None => {
            run(&oauth, |oauth| async move {
                oauth.apps.introspect(&client, &token).await
            })
            .await?
        }
    };
    let claims = told.map(|active| claims_of(&active)).transpose()?;
    let answer = Introspection {
        active: claims.is_some(),
        claims: claims.unwrap_or_else(|| json!({})),
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(answer))
}

/// Ends a token that the client was issued; a refresh token takes its session with it. A token that means nothing is ended
/// already.
#[utoipa::path(
    tag = "oauth",
    request_body(content = TokenToJudge, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The token is worth nothing now"),
        (status = 400, description = "The request is invalid, or the token is another client's", body = ErrorBody),
        (status = 401, description = "The client did not prove itself", body = ErrorBody),
        (status = 408, description = "The body did not arrive in time", body = ErrorBody),
        (status = 413, description = "The body is larger than 64 KiB", body = ErrorBody),
        (status = 415, description = "The body is no form", body = ErrorBody),
        (status = 500, description = "Something went wrong on our side", body = ErrorBody),
        (status = 503, description = "Unavailable at the moment; see Retry-After", body = ErrorBody),
        (status = 504, description = "No answer in time; see Retry-After", body = ErrorBody),
    ),
)]
#[post("/oauth/revoke")]
pub(crate) async fn revoke(
    oauth: Data<OAuth>,
    request: HttpRequest,
    form: Form,
) -> Result<HttpResponse, OAuthError> {
    let shown = Shown::read(&request, &form)?;
    let token = form.required("token")?;
    match shown {
        Shown::Credentials(credentials) => {
            let client = client(&oauth, credentials).await?;
            run(
                &oauth,
                |oauth| async move { oauth.apps.revoke(&client, &token).await },
            )
            .await?;
        }
        // People's sessions and service accounts have no secret: who has their token may end it.
        Shown::Named(client_id) => {
            run(&oauth, |oauth| async move {
                oauth.tokens.revoke_presented(&token, &client_id).await
            })
            .await?;
        }
        Shown::Nobody => return Err(OAuthError::invalid_client("client_id is missing.")),
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish())
}

fn claims_of(active: &Active) -> Result<Value, OAuthError> {
    let (claims, token_type) = match active {
        Active::Access(claims) => (serde_json::to_value(claims), "Bearer"),
        Active::Refresh(claims, _) => (serde_json::to_value(claims), "refresh_token"),
    };
    let mut claims = claims.map_err(chancery_ambient::Fault::corrupt)?;
    if let Some(members) = claims.as_object_mut() {
        // What only the server has a use for.
        for name in ["gen", "gmac", "sv", "tv"] {
            members.remove(name);
        }
        members.insert("token_type".to_owned(), token_type.into());
    }
    if let (Active::Refresh(_, family), Some(members)) = (active, claims.as_object_mut()) {
        members.insert("client_id".to_owned(), family.client_id.clone().into());
    }
    Ok(claims)
}
