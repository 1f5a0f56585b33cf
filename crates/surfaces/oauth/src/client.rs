//! How a client proves itself (RFC 6749 section 2.3.1, RFC 7523 section 2.2), in exactly one way.

use std::sync::Arc;

use actix_web::{HttpRequest, http::header, web::Data};
use base64::{Engine, engine::general_purpose::STANDARD};
use chancery_registry::{ClientCredentials, StandingApp};

use crate::{
    error::OAuthError,
    form::{Form, decode},
    state::{OAuth, run},
};

/// What a request says about its client.
pub(crate) enum Shown {
    /// It proves itself.
    Credentials(ClientCredentials),
    /// It only names itself.
    Named(String),
    /// Nothing.
    Nobody,
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl Shown {
    /// What the header and the form say.
    pub(crate) fn read(request: &HttpRequest, form: &Form) -> Result<Self, OAuthError> {
        let basic = basic(request)?;
        let client_id = form.text("client_id");
        let secret = form.secret("client_secret");
        let assertion = form.secret("client_assertion");
        match (basic, secret, assertion) {
            (Some(basic), None, None) => {
                if client_id.is_some_and(|client_id| client_id != basic.0) {
                    return Err(OAuthError::invalid_request(
                        "client_id differs from the one in the header.",
                    ));
                }
                Ok(Self::Credentials(ClientCredentials::Secret {
                    client_id: basic.0,
                    secret: basic.1.into(),
                }))
            }
            (None, Some(secret), None) => {
                let client_id =
                    client_id.ok_or_else(|| OAuthError::invalid_request("client_id is missing."))?;
                Ok(Self::Credentials(ClientCredentials::Secret { client_id, secret }))
            }
            (None, None, Some(assertion)) => {
                if form.text("client_assertion_type").as_deref() != Some(JWT_BEARER) {
                    return Err(OAuthError::invalid_request(
                        "client_assertion_type is not jwt-bearer.",
                    ));
                }
                Ok(Self::Credentials(ClientCredentials::Assertion {
                    client_id,
                    assertion,
                }))
            }
            (None, None, None) => Ok(client_id.map_or(Self::Nobody, Self::Named)),
            _ => Err(OAuthError::invalid_request(
                "A client proves itself in one way, not in several.",
            )),
        }
    }

    /// The credentials, where nothing less will do.
    pub(crate) fn proven(self) -> Result<ClientCredentials, OAuthError> {
        match self {
            Self::Credentials(credentials) => Ok(credentials),
            Self::Named(_) | Self::Nobody => Err(OAuthError::invalid_client("The client must prove itself.")),
        }
    }
}

/// The client that proves itself: from memory where that can tell.
pub(crate) async fn client(
    oauth: &Data<OAuth>,
    credentials: ClientCredentials,
) -> Result<Arc<StandingApp>, OAuthError> {
    match oauth.apps.recall(&credentials) {
        Some(known) => Ok(known),
        None => {
            run(oauth, |oauth| async move {
                oauth.apps.authenticate(&credentials).await
            })
            .await
        }
    }
}

fn basic(request: &HttpRequest) -> Result<Option<(String, String)>, OAuthError> {
    let mut headers = request.headers().get_all(header::AUTHORIZATION);
    let Some(only) = headers.next() else {
        return Ok(None);
    };
    let refuse = || OAuthError::invalid_client("The Authorization header is not Basic.");
    if headers.next().is_some() {
        return Err(refuse());
    }
    let text = only.to_str().map_err(|_| refuse())?;
    let (scheme, encoded) = text.split_once(' ').ok_or_else(refuse)?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return Err(refuse());
    }
    let bytes = STANDARD.decode(encoded.trim()).map_err(|_| refuse())?;
    let pair = String::from_utf8(bytes).map_err(|_| refuse())?;
    let (client_id, secret) = pair.split_once(':').ok_or_else(refuse)?;
    let decoded = decode(client_id).zip(decode(secret));
    decoded.ok_or_else(refuse).map(Some)
}
