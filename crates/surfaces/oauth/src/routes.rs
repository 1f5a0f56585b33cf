//! Every route of this surface.

use std::sync::Arc;

use actix_web::web::Data;
use chancery_auth_keys::KeyService;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{jwks, metadata};

/// What the handlers work with. Cheap to clone.
#[derive(Clone)]
pub struct OAuth {
    /// The published keys.
    pub keys: Arc<KeyService>,
    /// `iss` of our tokens.
    pub issuer: String,
    /// The address that clients use, without a slash at its end. Every address in an answer begins with it.
    pub public_url: String,
}

/// Mounts the routes over `oauth`.
pub fn configure(oauth: OAuth) -> impl FnOnce(&mut ServiceConfig) {
    move |routes| {
        routes.app_data(Data::new(oauth));
        describe(routes);
    }
}

/// Mounts the routes without anything behind them, for the API's description.
pub fn describe(routes: &mut ServiceConfig) {
    routes
        .service(jwks::jwks_json)
        .service(jwks::jwks)
        .service(metadata::authorization_server);
}
