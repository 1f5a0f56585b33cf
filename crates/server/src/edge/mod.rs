//! What happens to every request before and after its handler.

mod client_ip;
mod traceparent;

use std::{net::IpAddr, sync::Arc, time::Duration};

use actix_web::{
    Error, HttpMessage,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::header::{HOST, HeaderName, HeaderValue},
    middleware::Next,
    web::Data,
};
use chancery_ambient::Ambient;
use chancery_api::ClientAddress;
use chancery_ids::TokenId;
use ipnet::IpNet;
use tracing::Instrument;

pub(crate) use client_ip::client_ip;
pub(crate) use traceparent::trace_id;

use crate::{config::without_port, metrics::Metrics};

const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
const PROCESS_TIME: HeaderName = HeaderName::from_static("x-process-time");

/// What the edge needs to know.
pub(crate) struct Edge {
    /// Hosts that may be asked for, lower case, without ports.
    pub allowed_hosts: Vec<String>,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// For ids and durations.
    pub ambient: Ambient,
    /// Requests are counted here.
    pub metrics: Arc<Metrics>,
}

/// Checks the host, gives the request its correlation id and span, counts and times it.
pub(crate) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(edge) = request.app_data::<Data<Edge>>().cloned() else {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    };
    let began = edge.ambient.clock.monotonic();
    let correlation = TokenId::to_string(&edge.ambient.new_id());
    let span = span_of(&request, &edge, &correlation);
    let method = request.method().clone();

    let mut response = if host_is_allowed(&request, &edge.allowed_hosts) {
        let answered = next.call(request).instrument(span.clone()).await?;
        answered.map_into_boxed_body()
    } else {
        let refusal = chancery_api::problem::invalid_host();
        request.into_response(refusal).map_into_boxed_body()
    };

    let took = edge.ambient.clock.monotonic().saturating_sub(began);
    let route = response
        .request()
        .match_pattern()
        .unwrap_or_else(|| "unmatched".to_owned());
    edge.metrics
        .observe_request(&method, &route, response.status(), took);
    span.in_scope(|| {
        tracing::info!(
            route,
            status = response.status().as_u16(),
            seconds = took.as_secs_f64(),
            "http.request"
        );
    });
    mark(&mut response, &correlation, took);
    Ok(response)
}

fn span_of(request: &ServiceRequest, edge: &Edge, correlation: &str) -> tracing::Span {
    let header = request
        .headers()
        .get("traceparent")
        .and_then(|value| value.to_str().ok());
    let peer = request
        .peer_addr()
        .map_or(IpAddr::from([0, 0, 0, 0]), |address| address.ip());
    let forwarded: Vec<&str> = request
        .headers()
        .get_all("x-forwarded-for")
        .map(|value| value.to_str().unwrap_or(""))
        .collect();
    let client = client_ip(peer, forwarded.into_iter(), &edge.trusted_proxies);
    request.extensions_mut().insert(ClientAddress(client));
    tracing::info_span!(
        "http",
        correlation_id = correlation,
        trace_id = header.and_then(trace_id),
        http_method = %request.method(),
        http_path = request.path(),
        client_ip = %client,
    )
}

/// HTTP/1.0 may leave the header out; everything that names a host names one of ours.
fn host_is_allowed(request: &ServiceRequest, allowed: &[String]) -> bool {
    let mut hosts = request.headers().get_all(HOST);
    match (hosts.next(), hosts.next()) {
        (None, _) => request.uri().host().is_none_or(|host| is_listed(host, allowed)),
        (Some(host), None) => host.to_str().is_ok_and(|host| is_listed(host, allowed)),
        (Some(_), Some(_)) => false,
    }
}

fn is_listed(host: &str, allowed: &[String]) -> bool {
    let host = without_port(host).to_ascii_lowercase();
    allowed.contains(&host)
}

fn mark(response: &mut ServiceResponse<BoxBody>, correlation: &str, took: Duration) {
    let seconds = format!("{:.4}", took.as_secs_f64());
    for (name, text) in [(CORRELATION_ID, correlation), (PROCESS_TIME, seconds.as_str())] {
        if let Ok(value) = HeaderValue::from_str(text) {
            response.headers_mut().insert(name, value);
        }
    }
}
