//! `/auth`: logging in, staying logged in, logging out.

mod delegations;
mod me;
mod problem;
mod sessions;
mod wire;

use actix_web::{HttpRequest, HttpResponse, get, http::header, post, web::Data};
use chancery_accounts::{LoggedIn, LoginRequest, RefreshRequest};
use chancery_tokens::{Seen, TokenPair};

use crate::{
    body::Body,
    caller::Caller,
    client::CameFrom,
    envelope::SuccessResponse,
    problem::{Failure, Limited, Private, WithBody},
    state::{Api, run},
};
pub(crate) use delegations::delegate;
use me::MeAnswer;
pub(crate) use sessions::short_hex;
pub(crate) use sessions::{end_session, list_sessions, log_out_everywhere};
use wire::{LoginBody, LogoutAnswer, LogoutBody, RefreshBody, TokenAnswer};

/// Logs a person in.
///
/// Until the password is known to be right every refusal is the same 401.
#[utoipa::path(
    tag = "auth",
    request_body = LoginBody,
    responses(
        Private,
        (status = 200, description = "A pair of tokens", body = TokenAnswer),
        WithBody,
        Limited,
    ),
)]
#[post("/auth/token")]
pub(crate) async fn log_in(
    api: Data<Api>,
    from: CameFrom,
    login: Body<LoginBody>,
) -> Result<HttpResponse, Failure> {
    let login = login.0;
    let logged_in = run(&api, |api| async move {
        let request = LoginRequest {
            email: &login.email,
            password: login.password,
            tenant: login.tenant,
            device: login.device,
            from: from.address,
            user_agent: from.user_agent.as_deref(),
        };
        api.accounts.log_in(request).await
    });
    let logged_in: LoggedIn = logged_in.await?;
    Ok(tokens(logged_in.pair))
}

/// Exchanges a refresh token for the next pair.
///
/// The same request sent again within a few seconds, because its answer was lost, gets the same refresh token. An old token
/// used later than that ends the session.
#[utoipa::path(
    tag = "auth",
    request_body = RefreshBody,
    responses(Private, (status = 200, description = "The next pair", body = TokenAnswer), WithBody),
)]
#[post("/auth/refresh")]
pub(crate) async fn refresh(
    api: Data<Api>,
    from: CameFrom,
    refresh: Body<RefreshBody>,
) -> Result<HttpResponse, Failure> {
    let refresh = refresh.0;
    let refreshed = run(&api, |api| async move {
        let request = RefreshRequest {
            device: refresh.device.as_deref(),
            seen: Some(Seen::new(from.address, from.user_agent.as_deref())),
            ..RefreshRequest::of(&refresh.token)
        };
        api.accounts.refresh(request).await
    });
    Ok(tokens(refreshed.await?))
}

/// Shows the caller, from the token alone.
#[utoipa::path(
    tag = "auth",
    responses(Private, (status = 200, description = "The caller", body = SuccessResponse<MeAnswer>)),
    security(("bearer" = [])),
)]
#[get("/auth/me")]
pub(crate) async fn show_me(Caller(caller): Caller, request: HttpRequest) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(SuccessResponse::new(
            "User information retrieved successfully",
            MeAnswer::new(&caller, request.headers()),
        ))
}

/// Ends the session of a refresh token, which may have expired.
#[utoipa::path(
    tag = "auth",
    request_body = LogoutBody,
    responses(
        Private,
        (status = 200, description = "The session has ended", body = SuccessResponse<LogoutAnswer>),
        WithBody,
    ),
    security(("bearer" = [])),
)]
#[post("/auth/logout")]
pub(crate) async fn log_out(
    api: Data<Api>,
    Caller(caller): Caller,
    token: Body<LogoutBody>,
) -> Result<HttpResponse, Failure> {
    let token = token.0;
    let ended = run(
        &api,
        |api| async move { api.accounts.log_out(&token, &caller).await },
    );
    let answer = LogoutAnswer {
        revoked: ended.await?,
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(SuccessResponse::new("Logged out.", answer)))
}

/// RFC 6749 section 5.1: no cache keeps tokens.
fn tokens(pair: TokenPair) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .json(TokenAnswer::from(pair))
}

#[cfg(test)]
mod tests;
