//! Errors outside of any route.

use std::{borrow::Cow, collections::BTreeMap};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
    web::Data,
};
use utoipa::openapi::{OpenApi, PathItem};

use super::{Failure, RETRY_SOON};

/// The methods of each route, for `Allow` (RFC 9110 section 15.5.6). Lives in the app data.
#[derive(Debug, Default)]
pub struct RouteMethods(BTreeMap<String, String>);

impl RouteMethods {
    /// Those of a description.
    #[must_use]
    pub fn of(description: &OpenApi) -> Self {
        let routes = description.paths.paths.iter();
        Self(
            routes
                .map(|(pattern, item)| (pattern.clone(), methods(item)))
                .collect(),
        )
    }
}

fn methods(item: &PathItem) -> String {
    let known = [
        ("GET", item.get.is_some()),
        ("POST", item.post.is_some()),
        ("PUT", item.put.is_some()),
        ("PATCH", item.patch.is_some()),
        ("DELETE", item.delete.is_some()),
    ];
    let taken: Vec<_> = known
        .iter()
        .filter(|(_, taken)| *taken)
        .map(|(name, _)| *name)
        .collect();
    taken.join(", ")
}

/// The default service: 405 where the path has a route for other methods, else 404. Routes that [`RouteMethods`] does not
/// list are documents, to be fetched with GET.
pub async fn not_found_or_method(request: HttpRequest) -> HttpResponse {
    let failure = match request.match_pattern() {
        None => Failure::not_found("Not Found"),
        Some(pattern) => {
            let routes = request.app_data::<Data<RouteMethods>>();
            let allowed = routes
                .and_then(|routes| routes.0.get(&pattern))
                .map_or("GET", String::as_str);
            let allowed = HeaderValue::from_str(allowed).unwrap_or(HeaderValue::from_static("GET"));
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
                .with_header(header::ALLOW, allowed)
        }
    };
    failure.render(Some(request.path()))
}

/// The request names a host that is not ours.
pub fn invalid_host() -> HttpResponse {
    Failure::new(StatusCode::BAD_REQUEST, "Invalid host header").render(None)
}

/// The server is not ready; `missing` says what for.
pub fn not_ready(missing: &str) -> HttpResponse {
    let message: Cow<'static, str> = Cow::Owned(missing.to_owned());
    Failure::new(StatusCode::SERVICE_UNAVAILABLE, message)
        .retry_after(RETRY_SOON)
        .render(None)
}

/// A failure of our own that has nothing to tell.
pub fn internal() -> HttpResponse {
    Failure::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Something went wrong on our side.",
    )
    .render(None)
}
