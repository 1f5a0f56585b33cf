//! `/auth/service-accounts`: long-lived tokens of machines.

mod credential;
mod problem;
mod wire;

use actix_web::{
    HttpRequest, HttpResponse, get,
    http::{StatusCode, header},
    post,
    web::{Data, Path},
};
use chancery_accounts::{IssuedServiceToken, ServiceTokenFilter, SignedRequest, TokenStatus};
use chancery_ids::SessionId;
use chancery_tokens::Family;
use serde::Serialize;

use crate::{
    body::Body,
    caller::Caller,
    client::CameFrom,
    envelope::SuccessResponse,
    params::Params,
    problem::{Failure, Limited, Listed, Named, Private, WithBody},
    state::{Api, run},
};
use credential::VaultCredential;
use wire::{BrowserIssueBody, IssueBody, RevokeAnswer, RevokeBody, ServiceTokenAnswer, ServiceTokenList};

/// Issues a token to a service account, on a request that Vault's Transit engine signed.
///
/// `Authorization: Bearer vault:<the signature as Vault answered it>`, and the signed bytes in `X-Vault-Payload` as base64url.
/// The same request gets the same token, until it expires or `force` replaces it.
#[utoipa::path(
    tag = "service-accounts",
    params(
        ("Authorization" = String, Header, description = "`Bearer vault:` and Vault's signature"),
        ("X-Vault-Payload" = String, Header, description = "What was signed, in base64url"),
    ),
    request_body = IssueBody,
    responses(
        Private,
        (status = 201, description = "The token", body = ServiceTokenAnswer),
        WithBody,
        Limited,
    ),
)]
#[post("/auth/service-accounts/issue")]
pub(crate) async fn issue_signed(
    api: Data<Api>,
    from: CameFrom,
    request: HttpRequest,
    body: Body<IssueBody>,
) -> Result<HttpResponse, Failure> {
    let credential = VaultCredential::read(request.headers())?;
    let wanted = body.0;
    let issued = run(&api, |api| async move {
        let signed = SignedRequest {
            request: wanted,
            payload: &credential.payload,
            signature: &credential.signature,
            from: from.address,
        };
        api.service_accounts.issue_signed(signed).await
    });
    Ok(created(&issued.await?))
}

/// Issues a token to a service account of the caller's tenant, on the caller's word.
#[utoipa::path(
    tag = "service-accounts",
    request_body = BrowserIssueBody,
    responses(
        Private,
        (status = 201, description = "The token", body = ServiceTokenAnswer),
        WithBody,
        Limited,
    ),
    security(("bearer" = [])),
)]
#[post("/auth/service-accounts/browser-issue")]
pub(crate) async fn issue_by_person(
    api: Data<Api>,
    Caller(caller): Caller,
    body: Body<BrowserIssueBody>,
) -> Result<HttpResponse, Failure> {
    let (wanted, reason) = body.0;
    let issued = run(&api, |api| async move {
        api.service_accounts
            .issue_by_person(&caller, wanted, &reason)
            .await
    });
    Ok(created(&issued.await?))
}

/// Lists the tokens of the service accounts of the caller's tenant, newest first.
#[utoipa::path(
    tag = "service-accounts",
    params(
        ("account" = Option<String>, Query, description = "Of this account alone"),
        ("fingerprint" = Option<String>, Query, description = "Bound to the machine of this name"),
        ("status" = Option<String>, Query, description = "`active`, `revoked` or `all`; `active` when absent"),
        ("limit" = Option<u8>, Query, description = "1 to 100; 50 when absent", minimum = 1, maximum = 100),
        ("offset" = Option<u16>, Query, description = "How many to pass over; 0 when absent", maximum = 1000),
    ),
    responses(Private, Listed, (status = 200, description = "The tokens", body = ServiceTokenList)),
    security(("bearer" = [])),
)]
#[get("/auth/service-accounts/tokens")]
pub(crate) async fn list_tokens(
    api: Data<Api>,
    Caller(caller): Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let mut params = Params::of(&request);
    let others = [("revoked", TokenStatus::Revoked), ("all", TokenStatus::All)];
    let status = params.choice("status", ("active", TokenStatus::Active), others);
    let (limit, offset) = (params.limit(50, 100), params.offset(1000));
    let filter = ServiceTokenFilter {
        account: params.text("account"),
        fingerprint: params
            .text("fingerprint")
            .map(|name| chancery_tokens::hash_device(&name)),
        status,
        limit: u16::try_from(limit.as_usize()).unwrap_or(100),
        offset: u16::try_from(offset).unwrap_or(1000),
    };
    params.finish()?;
    let found = run(&api, |api| async move {
        api.service_accounts.list_tokens(&caller, &filter).await
    });
    let (found, total): (Vec<Family>, u64) = found.await?;
    Ok(answer(
        StatusCode::OK,
        ServiceTokenList::new(&found, total, limit.as_usize(), offset),
    ))
}

/// Ends a token of a service account of the caller's tenant, and the access tokens that came of it.
#[utoipa::path(
    tag = "service-accounts",
    params(("jti" = String, Path, description = "The token", format = Uuid)),
    request_body = RevokeBody,
    responses(
        Private,
        Named,
        (status = 200, description = "The token has ended", body = SuccessResponse<RevokeAnswer>),
        WithBody,
    ),
    security(("bearer" = [])),
)]
#[post("/auth/service-accounts/tokens/{jti}/revoke")]
pub(crate) async fn revoke_token(
    api: Data<Api>,
    Caller(caller): Caller,
    jti: Path<String>,
    body: Body<RevokeBody>,
) -> Result<HttpResponse, Failure> {
    let token = jti.parse::<SessionId>().map_err(|_| problem::absent())?;
    let reason = body.0;
    let ended = run(&api, |api| async move {
        api.service_accounts.revoke_token(&caller, token, &reason).await
    });
    let revoked = ended.await?;
    let done = SuccessResponse::new("Token revoked.", RevokeAnswer { revoked });
    Ok(answer(StatusCode::OK, done))
}

fn created(issued: &IssuedServiceToken) -> HttpResponse {
    answer(StatusCode::CREATED, ServiceTokenAnswer::new(issued))
}

/// RFC 6749 section 5.1: no cache keeps tokens.
fn answer(status: StatusCode, body: impl Serialize) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .json(body)
}

#[cfg(test)]
mod tests;
