//! Every route of this surface.

use actix_web::web::{Data, JsonConfig};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{OAuth, error::OAuthError, introspect, jwks, metadata, register, token, userinfo};

/// The largest JSON body, in bytes: a key set of a client.
const JSON_LIMIT: usize = 64 * 1024;

/// Mounts the routes over `oauth`.
pub fn configure(oauth: OAuth) -> impl FnOnce(&mut ServiceConfig) {
    move |routes| {
        let json = JsonConfig::default()
            .limit(JSON_LIMIT)
            .error_handler(|error, _| OAuthError::from(error).into());
        routes
            .app_data(Data::new(oauth.published.clone()))
            .app_data(Data::new(oauth))
            .app_data(json);
        describe(routes);
    }
}

/// Mounts the routes without anything behind them, for the API's description.
pub fn describe(routes: &mut ServiceConfig) {
    routes
        .service(jwks::jwks_json)
        .service(jwks::jwks)
        .service(metadata::authorization_server)
        .service(metadata::openid_configuration)
        .service(token::issue_token)
        .service(introspect::introspect)
        .service(introspect::revoke)
        .service(userinfo::user_info)
        .service(register::register)
        .service(register::list)
        .service(register::show)
        .service(register::replace_credentials)
        .service(register::remove);
}
