//! Mounts the surfaces.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use actix_cors::Cors;
use actix_web::{
    App as ActixApp, HttpServer,
    dev::Server,
    http::{Method, header},
    middleware::from_fn,
    web::{Data, PayloadConfig},
};
use chancery_api::{Api, problem};
use chancery_oauth::{OAuth, Published};
use utoipa_actix_web::AppExt;

use crate::{
    app::App,
    config::{Config, Http},
    edge::{self, Edge},
    system::{self, System},
};

/// The largest body, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;
const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// What is streamed comes in pieces that are worth a write each; more of them in one would only take room, which a connection
/// then keeps.
const WRITE_BUFFER: usize = 1024;

/// Binds the address and gives the server, which serves once it is awaited.
pub(crate) fn bind(config: &Arc<Config>, app: &App) -> io::Result<(Server, SocketAddr)> {
    let edge = Data::new(Edge {
        allowed_hosts: config.http.allowed_hosts.clone(),
        trusted_proxies: config.http.trusted_proxies.clone(),
        ambient: app.ambient.clone(),
        metrics: app.metrics.clone(),
    });
    let system = Data::new(System {
        ambient: app.ambient.clone(),
        began: app.ambient.clock.monotonic(),
        metrics: app.metrics.clone(),
        tokens: app.tokens.clone(),
        keys: app.api_keys.clone(),
        time_keeper: app.time_keeper.clone(),
        readiness: app.readiness.clone(),
    });
    let api = Api {
        accounts: app.accounts.clone(),
        agents: app.agents.clone(),
        ambient: app.ambient.clone(),
        conversations: app.conversations.clone(),
        people: app.people.clone(),
        runs: app.runs.clone(),
        service_accounts: app.service_accounts.clone(),
        stream_chunks: config.model.stream_chunks,
        tasks: Arc::new(app.tasks.clone()),
        tokens: app.tokens.clone(),
        tools: app.tools.clone(),
        usage: app.usage.clone(),
    };
    let oauth = OAuth {
        accounts: app.accounts.clone(),
        ambient: app.ambient.clone(),
        apps: app.apps.clone(),
        published: Published {
            issuer: config.auth.issuer.clone(),
            keys: app.published_keys.clone(),
            public_url: config.http.public_base().to_owned(),
        },
        tasks: Arc::new(app.tasks.clone()),
        tokens: app.tokens.clone(),
    };
    let mounted = config.clone();
    let server = HttpServer::new(move || {
        ActixApp::new()
            .into_utoipa_app()
            .map(|app| app.wrap(cors(&mounted.http)).wrap(from_fn(edge::guard)))
            .app_data(edge.clone())
            .app_data(system.clone())
            .app_data(PayloadConfig::new(BODY_LIMIT))
            .configure(system::configure)
            // Under one prefix, so that its calls are not held against the routes of the other one.
            .configure(chancery_api::configure(api.clone()))
            .configure(chancery_oauth::configure(oauth.clone()))
            .default_service(actix_web::web::to(problem::not_found_or_method))
            .into_app()
    })
    .client_request_timeout(REQUEST_HEAD_TIMEOUT)
    .keep_alive(KEEP_ALIVE)
    .h1_write_buffer_size(WRITE_BUFFER)
    .shutdown_timeout(config.http.shutdown_grace.as_secs().saturating_add(5))
    // Without it a stream stalls for 44 ms whenever the client delays its acknowledgement.
    .tcp_nodelay(true)
    .disable_signals();
    let server = if config.http.workers > 0 {
        server.workers(config.http.workers)
    } else {
        server
    };
    let server = server.bind((config.http.host, config.http.port))?;
    let address = server
        .addrs()
        .first()
        .copied()
        .ok_or_else(|| io::Error::other("nothing was bound"))?;
    Ok((server.run(), address))
}

/// Browsers of the listed origins may call; no cookie is ever read, so none is asked for.
fn cors(http: &Http) -> Cors {
    let listed = http
        .allowed_origins
        .iter()
        .fold(Cors::default(), |cors, origin| cors.allowed_origin(origin));
    listed
        .allowed_methods([
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_any_header()
        .expose_headers([header::RETRY_AFTER.as_str(), "x-correlation-id", "x-process-time"])
        .max_age(600)
}
