//! What a token's owner is called (OpenID Connect Core section 5.3).

use actix_web::{HttpResponse, get, http::StatusCode, web::Data};
use chancery_actix_auth::Bearer;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    OAuth,
    error::{ErrorBody, ForBearers, OAuthError},
    register::answer,
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
        ForBearers,
        (status = 200, description = "The person", body = UserInfo),
        (status = 403, description = "The caller is no person", body = ErrorBody),
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
    let person = UserInfo {
        sub: member.user.to_string(),
        email: member.email.to_string(),
        email_verified: member.email_verified,
    };
    Ok(answer(StatusCode::OK, person))
}
