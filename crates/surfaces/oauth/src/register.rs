//! Registering clients (RFC 7591) and managing them (RFC 7592), for the people who run a tenant.

use actix_web::{
    HttpResponse, delete, get,
    http::{StatusCode, header},
    post,
    web::{Data, Json, Path},
};
use chancery_actix_auth::Bearer;
use chancery_ids::AppId;
use chancery_registry::{App, AppCredential, NewApp, NewCredential, Registered};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    error::{ErrorBody, ForBearers, OAuthError},
    state::{OAuth, run},
};

/// A client that somebody wants (RFC 7591 section 2). Members that are not named here are ignored.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ClientMetadata {
    /// What people call it.
    client_name: Option<String>,
    /// The most that it may ever be allowed, separated by spaces.
    scope: Option<String>,
    /// `client_secret_basic` (the usual one), `client_secret_post` or `private_key_jwt`.
    token_endpoint_auth_method: Option<String>,
    /// Its public keys (RFC 7517), for `private_key_jwt`.
    #[schema(value_type = Option<Object>)]
    jwks: Option<Value>,
    /// `client_credentials` and token exchange; others are refused.
    grant_types: Option<Vec<String>>,
}

/// Other credentials for a client.
#[derive(Deserialize, ToSchema)]
pub(crate) struct NewCredentials {
    /// Its public keys. Without them a secret is drawn.
    #[schema(value_type = Option<Object>)]
    jwks: Option<Value>,
}

/// A client (RFC 7591 section 3.2.1).
#[derive(Serialize, ToSchema)]
pub(crate) struct Registration {
    #[schema(value_type = String)]
    client_id: AppId,
    /// Shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    /// Seconds since 1970.
    client_id_issued_at: i64,
    /// Always 0: it does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<u64>,
    client_name: String,
    scope: String,
    token_endpoint_auth_method: &'static str,
    grant_types: [&'static str; 2],
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    jwks: Option<Value>,
}

/// The clients of a tenant, oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct Clients {
    clients: Vec<Registration>,
}

/// Registers a client in the caller's tenant (RFC 7591).
#[utoipa::path(
    tag = "oauth",
    request_body = ClientMetadata,
    responses(
        ForBearers,
        (status = 201, description = "The client; its secret is not shown again", body = Registration),
        (status = 400, description = "The metadata is refused", body = ErrorBody),
        (status = 409, description = "The tenant has as many clients as it may", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "The body is not JSON", body = ErrorBody),
    ),
    security(("bearer" = [])),
)]
#[post("/oauth/register")]
pub(crate) async fn register(
    oauth: Data<OAuth>,
    caller: Bearer,
    metadata: Json<ClientMetadata>,
) -> Result<HttpResponse, OAuthError> {
    let (caller, metadata) = (caller.into_principal(), metadata.into_inner());
    let wanted = metadata.check()?;
    let registered = run(&oauth, |oauth| async move {
        let new = NewApp {
            name: &wanted.name,
            scopes: wanted.scopes,
            credential: wanted
                .jwks
                .as_deref()
                .map_or(NewCredential::Secret, NewCredential::Keys),
        };
        oauth.apps.register(&caller, new).await
    });
    Ok(answer(
        StatusCode::CREATED,
        Registration::new(&registered.await?)?,
    ))
}

/// Lists the clients of the caller's tenant.
#[utoipa::path(
    tag = "oauth",
    responses(
        ForBearers,
        (status = 200, description = "The clients", body = Clients),
    ),
    security(("bearer" = [])),
)]
#[get("/oauth/register")]
pub(crate) async fn list(oauth: Data<OAuth>, caller: Bearer) -> Result<HttpResponse, OAuthError> {
    let caller = caller.into_principal();
    let found = run(&oauth, |oauth| async move { oauth.apps.list(&caller).await });
    let clients: Result<Vec<_>, _> = found.await?.iter().map(Registration::of).collect();
    Ok(answer(StatusCode::OK, Clients { clients: clients? }))
}

/// Shows a client of the caller's tenant (RFC 7592 section 2.1).
#[utoipa::path(
    tag = "oauth",
    params(("client_id" = String, Path, description = "The client")),
    responses(
        ForBearers,
        (status = 200, description = "The client", body = Registration),
        (status = 404, description = "There is no such client", body = ErrorBody),
    ),
    security(("bearer" = [])),
)]
#[get("/oauth/register/{client_id}")]
pub(crate) async fn show(
    oauth: Data<OAuth>,
    caller: Bearer,
    client_id: Path<String>,
) -> Result<HttpResponse, OAuthError> {
    let (caller, id) = (caller.into_principal(), named(&client_id)?);
    let found = run(&oauth, |oauth| async move { oauth.apps.show(&caller, id).await });
    Ok(answer(StatusCode::OK, Registration::of(&found.await?)?))
}

/// Gives a client of the caller's tenant another secret, or other keys. What it had, and every token it was issued, end at once.
#[utoipa::path(
    tag = "oauth",
    params(("client_id" = String, Path, description = "The client")),
    request_body = NewCredentials,
    responses(
        ForBearers,
        (status = 200, description = "The client; its secret is not shown again", body = Registration),
        (status = 400, description = "The keys are refused", body = ErrorBody),
        (status = 404, description = "There is no such client", body = ErrorBody),
        (status = 413, description = "The body is too large", body = ErrorBody),
        (status = 415, description = "The body is not JSON", body = ErrorBody),
    ),
    security(("bearer" = [])),
)]
#[post("/oauth/register/{client_id}/credentials")]
pub(crate) async fn replace_credentials(
    oauth: Data<OAuth>,
    caller: Bearer,
    client_id: Path<String>,
    new: Json<NewCredentials>,
) -> Result<HttpResponse, OAuthError> {
    let (caller, id) = (caller.into_principal(), named(&client_id)?);
    let jwks = new.into_inner().jwks.map(|jwks| jwks.to_string().into_bytes());
    let replaced = run(&oauth, |oauth| async move {
        let new = jwks.as_deref().map_or(NewCredential::Secret, NewCredential::Keys);
        oauth.apps.replace_credential(&caller, id, new).await
    });
    Ok(answer(StatusCode::OK, Registration::new(&replaced.await?)?))
}

/// Removes a client of the caller's tenant (RFC 7592 section 2.3). Every token it was issued ends at once.
#[utoipa::path(
    tag = "oauth",
    params(("client_id" = String, Path, description = "The client")),
    responses(
        ForBearers,
        (status = 204, description = "The client is gone"),
        (status = 404, description = "There is no such client", body = ErrorBody),
    ),
    security(("bearer" = [])),
)]
#[delete("/oauth/register/{client_id}")]
pub(crate) async fn remove(
    oauth: Data<OAuth>,
    caller: Bearer,
    client_id: Path<String>,
) -> Result<HttpResponse, OAuthError> {
    let (caller, id) = (caller.into_principal(), named(&client_id)?);
    run(
        &oauth,
        |oauth| async move { oauth.apps.remove(&caller, id).await },
    )
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

struct Wanted {
    name: String,
    scopes: chancery_access::Scopes,
    jwks: Option<Vec<u8>>,
}

const GRANT_TYPES: [&str; 2] = ["client_credentials", crate::token::TOKEN_EXCHANGE];

impl ClientMetadata {
    fn check(self) -> Result<Wanted, OAuthError> {
        let refuse = |told: &'static str| Err(OAuthError::invalid_client_metadata(told));
        let grants = self.grant_types.unwrap_or_default();
        if !grants.iter().all(|grant| GRANT_TYPES.contains(&grant.as_str())) {
            return refuse("grant_types: only client_credentials and token exchange are granted");
        }
        let jwks = self.jwks.map(|jwks| jwks.to_string().into_bytes());
        match (self.token_endpoint_auth_method.as_deref(), &jwks) {
            (None | Some("client_secret_basic" | "client_secret_post"), None)
            | (Some("private_key_jwt"), Some(_)) => {}
            (Some("private_key_jwt"), None) => return refuse("jwks: needed for private_key_jwt"),
            (_, Some(_)) => return refuse("jwks: only for private_key_jwt"),
            (Some(_), None) => return refuse("token_endpoint_auth_method: not supported"),
        }
        let Ok(scopes) = self.scope.unwrap_or_default().parse() else {
            return refuse("scope: scopes are written namespace:verb, separated by spaces");
        };
        Ok(Wanted {
            name: self.client_name.unwrap_or_default(),
            scopes,
            jwks,
        })
    }
}

impl Registration {
    fn of(app: &App) -> Result<Self, OAuthError> {
        let (method, jwks) = match &app.credential {
            AppCredential::Secret(_) => ("client_secret_basic", None),
            AppCredential::Keys(keys) => {
                let set = serde_json::to_value(keys.set()).map_err(chancery_ambient::Fault::corrupt)?;
                ("private_key_jwt", Some(set))
            }
        };
        Ok(Self {
            client_id: app.id,
            client_secret: None,
            client_id_issued_at: app.created_at.unix_seconds(),
            client_secret_expires_at: None,
            client_name: app.name.to_string(),
            scope: app.scopes.to_string(),
            token_endpoint_auth_method: method,
            grant_types: GRANT_TYPES,
            jwks,
        })
    }

    fn new(registered: &Registered) -> Result<Self, OAuthError> {
        let secret = registered.secret.as_ref();
        Ok(Self {
            client_secret: secret.map(|secret| secret.expose_secret().to_owned()),
            client_secret_expires_at: secret.map(|_| 0),
            ..Self::of(&registered.app)?
        })
    }
}

/// A text that is no client's id names nobody's client.
fn named(client_id: &str) -> Result<AppId, OAuthError> {
    client_id
        .parse()
        .map_err(|_| chancery_registry::AppsRefused::Absent.into())
}

/// An answer for its caller alone.
pub(crate) fn answer(status: StatusCode, body: impl Serialize) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(body)
}
