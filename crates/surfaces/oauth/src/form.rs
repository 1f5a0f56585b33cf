//! The parameters of a request (RFC 6749 section 3.2): a form, each name at most once.

use std::{future::Future, pin::Pin, time::Duration};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, dev,
    http::{StatusCode, header},
    web::{Data, Query},
};
use chancery_access::Scopes;
use chancery_ambient::within;
use futures::StreamExt;
use secrecy::SecretString;

use crate::{error::OAuthError, state::OAuth};

/// The largest form, in bytes.
const LIMIT: usize = 64 * 1024;
/// How long it may take to arrive.
const TIME: Duration = Duration::from_secs(30);

/// The parameters. Names that nobody asks for are ignored, and an empty value is none (RFC 6749 section 3.2).
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// A text, if it is there.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let found = self.0.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.clone())
    }

    /// A secret, if it is there.
    pub(crate) fn secret(&self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    /// A secret that has to be there.
    pub(crate) fn required(&self, name: &'static str) -> Result<SecretString, OAuthError> {
        self.secret(name)
            .ok_or_else(|| OAuthError::invalid_request(format!("{name} is missing.")))
    }

    /// `scope`, if it is there.
    pub(crate) fn scope(&self) -> Result<Option<Scopes>, OAuthError> {
        let scope = self.text("scope").map(|text| text.parse::<Scopes>());
        scope.transpose().map_err(|_| OAuthError::invalid_scope())
    }

    /// Every value of a name that may occur several times.
    pub(crate) fn every(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(given, _)| given == name);
        values.map(|(_, value)| value.clone()).collect()
    }
}

/// RFC 8693 section 2.1 lets these be repeated.
const REPEATABLE: [&str; 2] = ["audience", "resource"];

impl FromRequest for Form {
    type Error = OAuthError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, OAuthError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            if !request.query_string().is_empty() {
                // Query strings end up in logs.
                return Err(OAuthError::invalid_request("Parameters belong into the body."));
            }
            let is_form = request
                .content_type()
                .trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded");
            if !is_form || request.headers().contains_key(header::CONTENT_ENCODING) {
                let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
                let told = "The body must be application/x-www-form-urlencoded, not compressed.";
                return Err(OAuthError::unreadable(status, told));
            }
            let reading = read(payload);
            let bytes = match request.app_data::<Data<OAuth>>() {
                Some(oauth) => within(&*oauth.ambient.clock, TIME, reading)
                    .await
                    .map_err(|_late| {
                        OAuthError::unreadable(
                            StatusCode::REQUEST_TIMEOUT,
                            "The body did not arrive in time.",
                        )
                    })??,
                None => reading.await?,
            };
            parse(&bytes)
        })
    }
}

async fn read(mut payload: dev::Payload) -> Result<Vec<u8>, OAuthError> {
    let mut bytes = Vec::new();
    while let Some(piece) = payload.next().await {
        let broken = |_| OAuthError::invalid_request("The body broke off.");
        let piece = piece.map_err(broken)?;
        if bytes.len() + piece.len() > LIMIT {
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            return Err(OAuthError::unreadable(status, "The body is larger than 64 KiB."));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Result<Form, OAuthError> {
    let unreadable = || OAuthError::invalid_request("The body is no form.");
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable())?;
    let pairs = Query::<Vec<(String, String)>>::from_query(text).map_err(|_| unreadable())?;
    let mut pairs = pairs.into_inner();
    let mut names: Vec<_> = pairs
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !REPEATABLE.contains(name))
        .collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(OAuthError::invalid_request("A parameter occurs twice."));
    }
    pairs.retain(|(_, value)| !value.is_empty());
    Ok(Form(pairs))
}

/// Decodes one form-encoded value.
pub(crate) fn decode(value: &str) -> Option<String> {
    let pairs = Query::<Vec<(String, String)>>::from_query(&format!("v={value}")).ok()?;
    let [(name, text)]: [(String, String); 1] = pairs.into_inner().try_into().ok()?;
    (name == "v").then_some(text)
}
