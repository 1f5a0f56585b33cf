//! Requests without a usable token.

use actix_web::{
    HttpResponse, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};

use crate::Unverified;

/// A request that named nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct BearerRefused {
    /// What was wrong.
    pub cause: Cause,
    /// The protection space of the challenge (RFC 9110 section 11.5).
    pub realm: &'static str,
}

/// What was wrong with the request's `Authorization`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// There is none.
    #[error("an access token is required")]
    Missing,
    /// It has another scheme than `Bearer`.
    #[error("the Authorization header must be of the scheme Bearer")]
    WrongScheme,
    /// There are several, and whoever stands between might look at another one than we do.
    #[error("there must be one Authorization header")]
    Several,
    /// The token proves nothing. Why is for the log.
    #[error("the access token is not valid")]
    Invalid {
        /// The verifier's label.
        reason: &'static str,
    },
    /// Tokens cannot be verified at the moment.
    #[error("access tokens cannot be verified at the moment")]
    Unavailable,
    /// The service was started without [`crate::BearerAuth`].
    #[error("this service verifies no access tokens")]
    NotConfigured,
}

impl Cause {
    /// The status of the answer.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Missing | Self::WrongScheme | Self::Invalid { .. } => StatusCode::UNAUTHORIZED,
            Self::Several => StatusCode::BAD_REQUEST,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotConfigured => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<Unverified> for Cause {
    fn from(unverified: Unverified) -> Self {
        match unverified {
            Unverified::Invalid { reason } => Self::Invalid { reason },
            Unverified::Unavailable => Self::Unavailable,
        }
    }
}

impl BearerRefused {
    /// The value of `WWW-Authenticate`, where the caller can do better next time. One who showed no token is told of no
    /// error (RFC 6750 section 3.1).
    #[must_use]
    pub fn challenge(&self) -> Option<HeaderValue> {
        let error = match self.cause {
            Cause::Missing | Cause::WrongScheme => "",
            Cause::Several => ", error=\"invalid_request\"",
            Cause::Invalid { .. } => ", error=\"invalid_token\"",
            Cause::Unavailable | Cause::NotConfigured => return None,
        };
        HeaderValue::try_from(format!("Bearer realm=\"{}\"{error}", self.realm)).ok()
    }
}

impl ResponseError for BearerRefused {
    fn status_code(&self) -> StatusCode {
        self.cause.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status_code());
        if let Some(challenge) = self.challenge() {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
