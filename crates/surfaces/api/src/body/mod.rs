//! The extractor of JSON bodies.

mod json;

use std::{future::Future, pin::Pin, time::Duration};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest, dev,
    http::{StatusCode, header},
    web::Data,
};
use bytes::BytesMut;
use chancery_ambient::{Clock, within};
use futures::StreamExt;
use serde::de::DeserializeOwned;

use crate::problem::{Failure, Violations};

/// The largest body, in bytes.
const LIMIT: usize = 1024 * 1024;

/// How long a body may take to arrive.
const TIME: Duration = Duration::from_secs(30);

/// A wire type that becomes what the service takes, or says everything that is wrong with it.
pub(crate) trait Checked: DeserializeOwned + 'static {
    /// What the service takes.
    type Valid;

    /// Checks the rules that the JSON's shape does not tell.
    fn check(self) -> Result<Self::Valid, Violations>;
}

/// The body of a request, read within its limits, parsed and checked. Members that the wire type does not name are ignored.
/// The clock that bounds the reading stands in the app data.
pub(crate) struct Body<T: Checked>(pub(crate) T::Valid);

impl<T: Checked> FromRequest for Body<T> {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        Box::pin(async move {
            require_json(&request)?;
            let bytes = read_in_time(&request, payload).await?;
            let wire: T = json::parse(&bytes)?;
            Ok(Self(wire.check()?))
        })
    }
}

/// A body that does not say what it is counts as JSON.
fn require_json(request: &HttpRequest) -> Result<(), Failure> {
    let declared = request.content_type().trim();
    let subtype = declared.rsplit_once('/').map_or("", |(_, subtype)| subtype);
    let is_json = subtype.eq_ignore_ascii_case("json") || subtype.to_ascii_lowercase().ends_with("+json");
    let is_encoded = request.headers().contains_key(header::CONTENT_ENCODING);
    if (is_json || declared.is_empty()) && !is_encoded {
        Ok(())
    } else {
        let message = "The body must be JSON (application/json), not compressed.";
        Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
    }
}

async fn read_in_time(request: &HttpRequest, payload: dev::Payload) -> Result<BytesMut, Failure> {
    let reading = read(request, payload);
    match request.app_data::<Data<dyn Clock>>() {
        Some(clock) => within(&***clock, TIME, reading)
            .await
            .map_err(|_late| Failure::new(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time."))?,
        None => reading.await,
    }
}

async fn read(request: &HttpRequest, mut payload: dev::Payload) -> Result<BytesMut, Failure> {
    let declared = request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > LIMIT) {
        return Err(too_large());
    }
    let mut bytes = BytesMut::with_capacity(declared.unwrap_or(0));
    while let Some(piece) = payload.next().await {
        let piece = piece.map_err(|_| Failure::new(StatusCode::BAD_REQUEST, "The body broke off."))?;
        if bytes.len() + piece.len() > LIMIT {
            return Err(too_large());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn too_large() -> Failure {
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than 1 MiB.")
}

#[cfg(test)]
mod tests;
