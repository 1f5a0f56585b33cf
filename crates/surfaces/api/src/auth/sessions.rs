//! People's own sessions: where they are logged in, and how they end that.

use actix_web::{
    HttpRequest, HttpResponse, delete, get,
    http::header,
    post,
    web::{Data, Path},
};
use chancery_ambient::Timestamp;
use chancery_ids::SessionId;
use chancery_tokens::{Binding, Family, MOST_SESSIONS};
use serde::Serialize;
use utoipa::ToSchema;

use super::{problem::absent, wire::LogoutAnswer};
use crate::{
    caller::Caller,
    envelope::SuccessResponse,
    params::Params,
    problem::{Failure, Listed, Named, Private},
    state::{Api, run},
};

/// One session.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionItem {
    #[schema(format = Uuid)]
    id: String,
    #[schema(format = Uuid)]
    tenant_id: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last refreshed.
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: Timestamp,
    /// When it was ended before its time.
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    /// The network it was used from last: the address with its last byte, or its last eight, set to zero.
    ip_address_masked: Option<String>,
    /// Tells the session's device from others, when it named itself at login.
    fingerprint: Option<String>,
    client: SessionClient,
    /// Always null: addresses are not looked up.
    location: Option<String>,
    /// Whether it is the session of this call.
    current: bool,
}

/// What the session's client said of itself.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionClient {
    /// Always null, like `browser` and `device`: nothing is concluded from `user_agent`.
    platform: Option<String>,
    browser: Option<String>,
    device: Option<String>,
    user_agent: Option<String>,
}

/// Sessions, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionList {
    sessions: Vec<SessionItem>,
    /// Of all that there are, at most 1000.
    total: usize,
    limit: usize,
    offset: usize,
}

/// How many sessions `/auth/logout/all` ended.
#[derive(Serialize, ToSchema)]
pub(super) struct LogoutAllAnswer {
    revoked: u64,
}

impl SessionItem {
    fn of(family: &Family, current: Option<SessionId>) -> Self {
        Self {
            id: family.sid.to_string(),
            tenant_id: family.tenant.to_string(),
            created_at: family.created_at,
            last_seen_at: family.rotated_at,
            revoked_at: family.ended.map(|(at, _)| at),
            ip_address_masked: family.seen.network.clone(),
            fingerprint: match &family.binding {
                Binding::None => None,
                Binding::Device(digest) => short_hex(digest),
            },
            client: SessionClient {
                platform: None,
                browser: None,
                device: None,
                user_agent: family.seen.user_agent.clone(),
            },
            location: None,
            current: current == Some(family.sid),
        }
    }
}

/// The first 8 bytes: enough to tell a person's devices apart.
pub(crate) fn short_hex(digest: &[u8; 32]) -> Option<String> {
    let start = u64::from_be_bytes(*digest.first_chunk()?);
    Some(format!("{start:016x}"))
}

/// Lists where the caller is logged in, in this tenant.
#[utoipa::path(
    tag = "auth",
    params(
        ("include_revoked" = Option<bool>, Query, description = "Whether sessions that have ended are listed too"),
        ("limit" = Option<u8>, Query, description = "1 to 100; 20 when absent", minimum = 1, maximum = 100),
        ("offset" = Option<u16>, Query, description = "How many to pass over; 0 when absent", maximum = 1000),
    ),
    responses(Private, Listed, (status = 200, description = "The sessions", body = SessionList)),
    security(("bearer" = [])),
)]
#[get("/auth/sessions")]
pub(crate) async fn list_sessions(
    api: Data<Api>,
    Caller(caller): Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let mut params = Params::of(&request);
    let past = params.choice("include_revoked", ("false", false), [("true", true)]);
    let limit = params.limit(20, 100).as_usize();
    let offset = params.offset(MOST_SESSIONS);
    params.finish()?;
    let current = caller.session;
    let found = run(
        &api,
        |api| async move { api.tokens.sessions(&caller, past).await },
    );
    let found: Vec<Family> = found.await?;
    let page = found.iter().skip(offset).take(limit);
    let answer = SessionList {
        sessions: page.map(|family| SessionItem::of(family, current)).collect(),
        total: found.len(),
        limit,
        offset,
    };
    Ok(private(answer))
}

/// Ends one of the caller's sessions.
#[utoipa::path(
    tag = "auth",
    params(("session_id" = String, Path, description = "The session", format = Uuid)),
    responses(
        Private,
        Named,
        (status = 200, description = "The session has ended", body = SuccessResponse<LogoutAnswer>),
    ),
    security(("bearer" = [])),
)]
#[delete("/auth/sessions/{session_id}")]
pub(crate) async fn end_session(
    api: Data<Api>,
    Caller(caller): Caller,
    session_id: Path<String>,
) -> Result<HttpResponse, Failure> {
    let session = session_id.parse::<SessionId>().map_err(|_| absent())?;
    let ended = run(&api, |api| async move {
        api.tokens.end_own_session(&caller, session).await
    });
    let ended: Option<bool> = ended.await?;
    let revoked = ended.ok_or_else(absent)?;
    Ok(private(SuccessResponse::new(
        "Session ended.",
        LogoutAnswer { revoked },
    )))
}

/// Logs the caller out everywhere: every session and every token of theirs, of this call too.
#[utoipa::path(
    tag = "auth",
    responses(
        Private,
        (status = 200, description = "Everything has ended", body = SuccessResponse<LogoutAllAnswer>),
    ),
    security(("bearer" = [])),
)]
#[post("/auth/logout/all")]
pub(crate) async fn log_out_everywhere(
    api: Data<Api>,
    Caller(caller): Caller,
) -> Result<HttpResponse, Failure> {
    let ended = run(
        &api,
        |api| async move { api.tokens.end_all_sessions(&caller).await },
    );
    let revoked = ended.await?;
    Ok(private(SuccessResponse::new(
        "Logged out everywhere.",
        LogoutAllAnswer { revoked },
    )))
}

fn private(answer: impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(answer)
}
