//! What a token's owner is called (OpenID Connect Core section 5.3).

use actix_web::{
    HttpResponse, get,
    http::{StatusCode, header},
    web::Data,
};
use chancery_actix_auth::Bearer;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    OAuth,
    error::{ErrorBody, OAuthError},
    state::run,
};

/// Claims about a person, as they stand now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserInfo {
    /// The person's id.
    #[schema(format = Uuid)]
    sub: String,
    /// Their address.
    email: String,
    /// Whether they proved it.
    email_verified: bool,
}

/// Shows the person whom the access token speaks for.
#[utoipa::path(
    tag = "oauth",
    responses(
        (status = 200, description = "The person", body = UserInfo),
        (status = 401, description = "There is no access token, or it is not valid"),
        (status = 403, description = "The caller is no person", body = ErrorBody),
        (status = 500, description = "Something went wrong on our side", body = ErrorBody),
        (status = 503, description = "Unavailable at the moment; see Retry-After", body = ErrorBody),
        (status = 504, description = "No answer in time; see Retry-After", body = ErrorBody),
    ),
    security(("bearer" = [])),
)]
#[get("/oauth/userinfo")]
pub(crate) async fn user_info(oauth: Data<OAuth>, caller: Bearer) -> Result<HttpResponse, OAuthError> {
    let caller = caller.into_principal();
    let member = run(
        &oauth,
        |oauth| async move { oauth.accounts.profile(&caller).await },
    )
    .await?;
    Ok(HttpResponse::build(StatusCode::OK)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(UserInfo {
            sub: member.user.to_string(),
            email: member.email.to_string(),
            email_verified: member.email_verified,
        }))
}
