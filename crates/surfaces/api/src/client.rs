//! Where a request comes from.

use std::{
    future::{Ready, ready},
    net::IpAddr,
};

use actix_web::{Error, FromRequest, HttpMessage, HttpRequest, dev::Payload};

/// The client's address past trusted proxies. The server's edge puts it into the request's extensions; a request without
/// one comes from nowhere that could be counted.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

/// The address, for handlers.
pub(crate) struct CameFrom(pub(crate) Option<IpAddr>);

impl FromRequest for CameFrom {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let address = request
            .extensions()
            .get::<ClientAddress>()
            .map(|address| address.0);
        ready(Ok(Self(address)))
    }
}
