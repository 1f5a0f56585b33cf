//! Who is calling.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload};
use chancery_access::Principal;
use chancery_actix_auth::{Bearer, Unverified, VerifyBearer};
use chancery_tokens::TokenService;

use crate::problem::Failure;

/// The caller of a handler, with this surface's error body for those who are not known.
pub(crate) struct Caller(pub(crate) Principal);

impl FromRequest for Caller {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let caller = Bearer::from_request(request, payload).into_inner();
        ready(
            caller
                .map(|bearer| Self(bearer.into_principal()))
                .map_err(Failure::from),
        )
    }
}

/// Verifies the tokens that this very server issues.
pub(crate) struct OwnTokens(pub(crate) Arc<TokenService>);

impl VerifyBearer for OwnTokens {
    fn verify(&self, token: &str) -> Result<Principal, Unverified> {
        self.0.verify_access(token).map_err(|refusal| {
            let reason = refusal.reason();
            tracing::debug!(reason, "an access token was refused");
            Unverified::Invalid { reason }
        })
    }
}
