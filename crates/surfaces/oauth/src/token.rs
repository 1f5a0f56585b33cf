//! The token endpoint (RFC 6749 section 3.2).

use actix_web::{HttpRequest, HttpResponse, http::header, post, web::Data};
use chancery_accounts::RefreshRequest;
use chancery_registry::{ClientCredentials, ClientExchange};
use chancery_tokens::{IssuedAccess, TokenPair};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    client::{Shown, client},
    error::{ErrorBody, OAuthError},
    form::Form,
    state::{OAuth, run},
};

/// Exchanges of one token for another (RFC 8693 section 2.1).
pub(crate) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The only type of token that is exchanged (RFC 8693 section 3).
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// The parameters, for the API's description.
#[derive(ToSchema)]
#[expect(dead_code, reason = "this describes a form that is read name by name")]
pub(crate) struct TokenForm {
    /// `refresh_token`, `client_credentials` or `urn:ietf:params:oauth:grant-type:token-exchange`.
    grant_type: String,
    /// Less than could be had, separated by spaces.
    scope: Option<String>,
    /// For `refresh_token`.
    refresh_token: Option<String>,
    /// For `refresh_token`, where the session is bound to a device: the same as at login.
    fingerprint: Option<String>,
    /// For an exchange: a token whose `may_act` names the client.
    subject_token: Option<String>,
    /// For an exchange: `urn:ietf:params:oauth:token-type:access_token`.
    subject_token_type: Option<String>,
    /// For an exchange: the client's own access token.
    actor_token: Option<String>,
    /// For an exchange: `urn:ietf:params:oauth:token-type:access_token`.
    actor_token_type: Option<String>,
    /// A service that the token is for; all of them when absent.
    audience: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
}

/// A token (RFC 6749 section 5.1, RFC 8693 section 2.2.1).
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenAnswer {
    access_token: String,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds until it expires.
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// What it allows.
    scope: String,
    /// After an exchange: what kind of token it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<&'static str>,
}

/// Issues a token.
///
/// A session's next pair (`refresh_token`), a token for the client itself (`client_credentials`, with a secret or
/// `private_key_jwt`), or one with which the client acts for somebody who said so (token exchange, RFC 8693).
#[utoipa::path(
    tag = "oauth",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A token", body = TokenAnswer),
        (status = 400, description = "The grant is refused", body = ErrorBody),
        (status = 401, description = "The client did not prove itself", body = ErrorBody),
        (status = 408, description = "The body did not arrive in time", body = ErrorBody),
        (status = 413, description = "The body is larger than 64 KiB", body = ErrorBody),
        (status = 415, description = "The body is no form", body = ErrorBody),
        (status = 500, description = "Something went wrong on our side", body = ErrorBody),
        (status = 503, description = "Unavailable at the moment; see Retry-After", body = ErrorBody),
        (status = 504, description = "No answer in time; see Retry-After", body = ErrorBody),
    ),
)]
#[post("/oauth/token")]
pub(crate) async fn issue_token(
    oauth: Data<OAuth>,
    request: HttpRequest,
    form: Form,
) -> Result<HttpResponse, OAuthError> {
    let shown = Shown::read(&request, &form)?;
    let grant = form.required("grant_type")?;
    let answer = match grant.expose_secret() {
        "refresh_token" => refresh(&oauth, shown, &form).await?,
        "client_credentials" => client_credentials(&oauth, shown.proven()?, &form).await?,
        TOKEN_EXCHANGE => exchange(&oauth, shown.proven()?, &form).await?,
        _ => return Err(OAuthError::unsupported_grant_type()),
    };
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .json(answer))
}

async fn refresh(oauth: &Data<OAuth>, shown: Shown, form: &Form) -> Result<TokenAnswer, OAuthError> {
    let token = form.required("refresh_token")?;
    let (scope, device) = (form.scope()?, form.text("fingerprint"));
    let client_id = match shown {
        Shown::Credentials(credentials) => Some(client(oauth, credentials).await?.app.id.to_string()),
        Shown::Named(client_id) => Some(client_id),
        Shown::Nobody => None,
    };
    let refreshed = run(oauth, |oauth| async move {
        let request = RefreshRequest {
            token: &token,
            device: device.as_deref(),
            scope,
            client_id: client_id.as_deref(),
            seen: None,
        };
        oauth.accounts.refresh(request).await
    });
    Ok(refreshed.await?.into())
}

async fn client_credentials(
    oauth: &Data<OAuth>,
    credentials: ClientCredentials,
    form: &Form,
) -> Result<TokenAnswer, OAuthError> {
    let (scope, audiences) = (form.scope()?, form.every("audience"));
    let client = client(oauth, credentials).await?;
    let issued = oauth.apps.client_credentials(&client, scope, audiences);
    Ok(TokenAnswer::of(&issued?))
}

async fn exchange(
    oauth: &Data<OAuth>,
    credentials: ClientCredentials,
    form: &Form,
) -> Result<TokenAnswer, OAuthError> {
    let (subject_token, actor_token) = (typed(form, "subject_token")?, typed(form, "actor_token")?);
    let requested = form.text("requested_token_type");
    if requested.is_some_and(|kind| kind != ACCESS_TOKEN && kind != JWT) {
        return Err(OAuthError::invalid_request("Only access tokens are issued."));
    }
    let (scope, audiences) = (form.scope()?, form.every("audience"));
    let client = client(oauth, credentials).await?;
    let issued = run(oauth, |oauth| async move {
        let wanted = ClientExchange {
            subject_token: &subject_token,
            actor_token: &actor_token,
            scope,
            audiences,
        };
        oauth.apps.exchange(&client, wanted).await
    });
    Ok(TokenAnswer {
        issued_token_type: Some(ACCESS_TOKEN),
        ..TokenAnswer::of(&issued.await?)
    })
}

/// A token of the one type there is.
fn typed(form: &Form, name: &'static str) -> Result<SecretString, OAuthError> {
    let token = form.required(name)?;
    let kind = form.text(&format!("{name}_type"));
    match kind.as_deref() {
        Some(ACCESS_TOKEN | JWT) => Ok(token),
        Some(_) | None => Err(OAuthError::invalid_request(format!(
            "{name}_type must be {ACCESS_TOKEN}."
        ))),
    }
}

impl TokenAnswer {
    fn of(issued: &IssuedAccess) -> Self {
        Self {
            access_token: issued.token.expose_secret().to_owned(),
            token_type: "Bearer",
            expires_in: issued.expires_in,
            refresh_token: None,
            scope: issued.scopes.to_string(),
            issued_token_type: None,
        }
    }
}

impl From<TokenPair> for TokenAnswer {
    fn from(pair: TokenPair) -> Self {
        Self {
            access_token: pair.access_token.expose_secret().to_owned(),
            token_type: "Bearer",
            expires_in: pair.expires_in,
            refresh_token: Some(pair.refresh_token.expose_secret().to_owned()),
            scope: pair.scopes.to_string(),
            issued_token_type: None,
        }
    }
}
