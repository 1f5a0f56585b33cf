//! Who is calling.

use std::{
    future::{Ready, ready},
    sync::Arc,
    time::Duration,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use chancery_access::Principal;
use chancery_actix_auth::{Bearer, BearerRefused, Unverified, Verdict, VerifyBearer};
use chancery_ambient::{Clock, Tasks, run_on, within};
use chancery_tokens::{TokenRefused, TokenService, Unconfirmed, Verified};
use futures::{
    FutureExt,
    future::{BoxFuture, Either},
};

use crate::problem::Failure;

/// The caller of a handler, with this surface's error body for those who are not known.
pub(crate) struct Caller(pub(crate) Arc<Principal>);

impl FromRequest for Caller {
    type Error = Failure;
    type Future = Either<Ready<Result<Self, Failure>>, BoxFuture<'static, Result<Self, Failure>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = |bearer: Result<Bearer, BearerRefused>| {
            bearer
                .map(|bearer| Self(bearer.into_principal()))
                .map_err(Failure::from)
        };
        match Bearer::from_request(request, payload) {
            Either::Left(known) => Either::Left(ready(caller(known.into_inner()))),
            Either::Right(asking) => Either::Right(asking.map(caller).boxed()),
        }
    }
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
