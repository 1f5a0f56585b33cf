//! Where a request comes from.

use std::{
    future::{Ready, ready},
    net::IpAddr,
};

use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, dev::Payload, http::header};

/// The client's address past trusted proxies. The server's edge puts it into the request's extensions; a request without
/// one comes from nowhere that could be counted.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

/// Who asks, as far as that shows, for handlers.
pub(crate) struct CameFrom {
    /// Past trusted proxies.
    pub(crate) address: Option<IpAddr>,
    /// As it calls itself.
    pub(crate) user_agent: Option<String>,
}

impl FromRequest for CameFrom {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let address = request
            .extensions()
            .get::<ClientAddress>()
            .map(|address| address.0);
        let user_agent = request.headers().get(header::USER_AGENT);
        ready(Ok(Self {
            address,
            user_agent: user_agent
                .and_then(|text| text.to_str().ok())
                .map(ToOwned::to_owned),
        }))
    }
}
