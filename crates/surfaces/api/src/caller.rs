//! Who is calling.

use std::{
    future::{Ready, ready},
    sync::Arc,
    time::Duration,
};

use actix_web::{
    FromRequest, HttpRequest,
    dev::Payload,
    http::{Method, StatusCode, header},
    web::Data,
};
use chancery_access::Principal;
use chancery_actix_auth::{Bearer, BearerRefused, Unverified, Verdict, VerifyBearer};
use chancery_ambient::{Clock, Tasks, run_on, within};
use chancery_ids::TenantId;
use chancery_tokens::{HeldToken, TokenRefused, TokenService, Unconfirmed, Verified};
use futures::{
    FutureExt,
    future::{BoxFuture, Either, LocalBoxFuture},
};

use crate::{
    problem::Failure,
    state::{Api, run},
};

/// The caller of a handler, with this surface's error body for those who are not known.
pub(crate) struct Caller(pub(crate) Arc<Principal>);

impl FromRequest for Caller {
    type Error = Failure;
    type Future = Either<Ready<Result<Self, Failure>>, LocalBoxFuture<'static, Result<Self, Failure>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = |bearer: Result<Bearer, BearerRefused>| {
            bearer
                .map(|bearer| Self(bearer.into_principal()))
                .map_err(Failure::from)
        };
        let bearer = Bearer::from_request(request, payload);
        if request.headers().contains_key(OVERRIDE) {
            let request = request.clone();
            return Either::Right(
                async move { visitor(&request, caller(bearer.await)?).await }.boxed_local(),
            );
        }
        match bearer {
            Either::Left(known) => Either::Left(ready(caller(known.into_inner()))),
            Either::Right(asking) => Either::Right(asking.map(caller).boxed_local()),
        }
    }
}

/// The token of a caller to whom something is to be streamed. Taken after [`Caller`], which has found it good.
pub(crate) struct CallersToken(pub(crate) HeldToken);

impl FromRequest for CallersToken {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let held = || {
            let shown = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
            let (_, token) = shown.split_once(' ')?;
            let api = request.app_data::<Data<Api>>()?;
            api.tokens.hold(token.trim_start_matches(' ')).ok()
        };
        // It expired since.
        let gone = || Failure::new(StatusCode::UNAUTHORIZED, "The access token is not valid.");
        ready(held().map(Self).ok_or_else(gone))
    }
}

/// An operator of the platform asks to look into a tenant: `true`.
const OVERRIDE: &str = "x-operator-override";
/// Why.
const REASON: &str = "x-operator-reason";
/// Into which.
const TENANT: &str = "x-tenant-id";

/// An operator as a visitor of another tenant, who reads and does nothing else.
async fn visitor(request: &HttpRequest, Caller(caller): Caller) -> Result<Caller, Failure> {
    let header = |name: &'static str| {
        let mut values = request.headers().get_all(name);
        let only = values.next().filter(|_| values.next().is_none());
        only.and_then(|value| value.to_str().ok()).ok_or_else(|| {
            Failure::new(
                StatusCode::BAD_REQUEST,
                format!("The header {name} is needed, once."),
            )
        })
    };
    if header(OVERRIDE)? != "true" {
        return Err(Failure::new(
            StatusCode::BAD_REQUEST,
            "X-Operator-Override is true, or not there.",
        ));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Failure::new(
            StatusCode::FORBIDDEN,
            "An operator reads in a tenant and changes nothing.",
        ));
    }
    let tenant: TenantId = header(TENANT)?
        .parse()
        .map_err(|_| Failure::new(StatusCode::BAD_REQUEST, "X-Tenant-Id is the id of a tenant."))?;
    let (reason, route) = (
        header(REASON)?.to_owned(),
        format!("{} {}", request.method(), request.path()),
    );
    let api = request
        .app_data::<Data<Api>>()
        .ok_or_else(|| Failure::new(StatusCode::SERVICE_UNAVAILABLE, "The API is not mounted."))?;
    let visiting = run(api, |api| async move {
        api.accounts.visit(&caller, tenant, &reason, &route).await
    });
    Ok(Caller(Arc::new(visiting.await?)))
}

/// How long a request waits for the store to say whether its token was revoked.
const ASK_LIMIT: Duration = Duration::from_millis(200);

/// Verifies the tokens that this very server issues.
pub(crate) struct OwnTokens {
    pub(crate) tokens: Arc<TokenService>,
    /// The store is asked where its pools live.
    pub(crate) tasks: Arc<dyn Tasks>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl VerifyBearer for OwnTokens {
    fn verify(&self, token: &str) -> Result<Verdict, Unverified> {
        match self
            .tokens
            .verify_access(token)
            .map_err(|refused| refusal(&refused))?
        {
            Verified::Good(principal) => Ok(Verdict::Known(principal)),
            Verified::Unconfirmed(unconfirmed) => Ok(Verdict::Asking(self.ask(unconfirmed))),
        }
    }
}

impl OwnTokens {
    fn ask(&self, unconfirmed: Unconfirmed) -> BoxFuture<'static, Result<Arc<Principal>, Unverified>> {
        let (tokens, tasks, clock) = (self.tokens.clone(), self.tasks.clone(), self.clock.clone());
        async move {
            let asking = run_on(&*tasks, async move { tokens.confirm(unconfirmed).await });
            match within(&*clock, ASK_LIMIT, asking).await {
                Ok(Ok(answer)) => answer.map_err(|refused| refusal(&refused)),
                Ok(Err(_)) | Err(_) => Err(Unverified::Unavailable),
            }
        }
        .boxed()
    }
}

fn refusal(refused: &TokenRefused) -> Unverified {
    let reason = refused.reason();
    tracing::debug!(reason, "an access token was refused");
    match refused {
        TokenRefused::Fault(_) => Unverified::Unavailable,
        TokenRefused::Invalid(_) | TokenRefused::Revoked => Unverified::Invalid { reason },
    }
}
