//! Routes of the server itself: the card, health, metrics and the API's description.

use std::{sync::Arc, time::Duration};

use actix_web::{HttpResponse, get, http::header, web::Data};
use chancery_ambient::Ambient;
use chancery_api::problem;
use chancery_auth_keys::KeyService;
use chancery_tokens::TokenService;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::{
    metrics::{Metrics, Readings},
    openapi,
    readiness::Readiness,
    time_keeper::TimeKeeper,
};

/// What the system routes need.
pub(crate) struct System {
    /// For the time.
    pub ambient: Ambient,
    /// When the server began, on the monotonic clock.
    pub began: Duration,
    /// What a scrape shows.
    pub metrics: Arc<Metrics>,
    /// Whose revocations a scrape tells of.
    pub tokens: Arc<TokenService>,
    /// Whose active key.
    pub keys: Arc<KeyService>,
    /// Who knows how far the machine's calendar is off.
    pub time_keeper: Option<Arc<TimeKeeper>>,
    /// What must work before requests are welcome.
    pub readiness: Arc<Readiness>,
}

impl System {
    fn uptime(&self) -> Duration {
        self.ambient.clock.monotonic().saturating_sub(self.began)
    }

    fn health(&self, status: &'static str) -> Health {
        Health {
            status,
            timestamp: self.ambient.now().to_string(),
            version: env!("CARGO_PKG_VERSION"),
            uptime: (self.uptime().as_secs_f64() * 100.0).round() / 100.0,
        }
    }
}

/// Mounts the system routes.
pub(crate) fn configure(routes: &mut ServiceConfig) {
    routes
        .service(card)
        .service(health)
        .service(ready)
        .service(metrics)
        .service(openapi_json);
}

/// Where everything is.
#[derive(Debug, Serialize, ToSchema)]
struct Card {
    service: &'static str,
    version: &'static str,
    description: &'static str,
    docs: &'static str,
    health: &'static str,
    api: &'static str,
    chat: &'static str,
    agents: &'static str,
}

/// Whether the process lives.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `healthy`, or `ready` where readiness was asked.
    status: &'static str,
    /// RFC 3339.
    timestamp: String,
    version: &'static str,
    /// Seconds since the start.
    uptime: f64,
}

#[utoipa::path(tag = "system", responses((status = 200, body = Card)))]
#[get("/")]
async fn card() -> HttpResponse {
    HttpResponse::Ok().json(Card {
        service: "chancery",
        version: env!("CARGO_PKG_VERSION"),
        description: "Identity, authority, memory and an account for AI agents",
        docs: "/openapi.json",
        health: "/health",
        api: "/api/v1",
        chat: "/api/v1/chat",
        agents: "/api/v1/agents",
    })
}

#[utoipa::path(tag = "system", responses((status = 200, body = Health)))]
#[get("/health")]
async fn health(system: Data<System>) -> HttpResponse {
    HttpResponse::Ok().json(system.health("healthy"))
}

#[utoipa::path(tag = "system", responses(
    (status = 200, body = Health),
    (status = 503, description = "Not ready; `message` names what is missing", body = problem::Problem),
))]
#[get("/health/ready")]
async fn ready(system: Data<System>) -> HttpResponse {
    match Readiness::check(&system.readiness).await {
        Ok(()) => HttpResponse::Ok().json(system.health("ready")),
        Err(missing) => problem::not_ready(&missing),
    }
}

#[utoipa::path(tag = "system", responses((status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text")))]
#[get("/metrics")]
async fn metrics(system: Data<System>) -> HttpResponse {
    let revocations = system.tokens.revocations();
    let readings = Readings {
        uptime: system.uptime(),
        revocations: revocations.len(),
        revocations_age: revocations.age(),
        active_key_age: active_key_age(&system),
        clock_offset: clock_offset(&system),
    };
    match system.metrics.render(readings) {
        Ok(text) => HttpResponse::Ok()
            .insert_header((
                header::CONTENT_TYPE,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            ))
            .body(text),
        Err(std::fmt::Error) => problem::internal(),
    }
}

#[utoipa::path(tag = "system", responses((status = 200, description = "This API, as OpenAPI 3.1", body = Object)))]
#[get("/openapi.json")]
async fn openapi_json() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .body(openapi::document())
}

/// How far the machine's calendar is ahead of the database's, in seconds.
fn clock_offset(system: &System) -> Option<f64> {
    let offset = system.time_keeper.as_ref()?.offset()?;
    let ahead = Duration::from_micros(offset.ahead.unsigned_abs()).as_secs_f64();
    Some(if offset.ahead < 0 { -ahead } else { ahead })
}

/// Since the key that signs began to; a key that was made elsewhere counts from when it was made.
fn active_key_age(system: &System) -> Duration {
    let set = system.keys.set();
    let since = set
        .active()
        .map(|key| key.promoted_at().unwrap_or_else(|| key.created_at()));
    since.map_or(Duration::ZERO, |since| system.ambient.now().since(since))
}
