//! The connection to one server: made when it is needed, and made again when it was lost.

use std::{collections::HashMap, process::Stdio, sync::Arc};

use chancery_ambient::{Clock, within};
use chancery_tools::{McpDeclaration, McpTransport};
use http::{HeaderName, HeaderValue};
use reqwest::Client;
use rmcp::{
    RoleClient, ServiceExt,
    model::{ClientCapabilities, ClientConfig, Implementation, Tool},
    service::{ClientInitializeError, RunningService, ServiceError},
    transport::{
        StreamableHttpClientTransport, TokioChildProcess,
        streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use secrecy::ExposeSecret;
use tokio::{process::Command, sync::Mutex};

/// The largest message that is taken from a server over HTTP.
const LARGEST_MESSAGE: usize = 1024 * 1024;

/// A conversation with a server. Dropping it ends the child process, or the session.
pub(crate) type Session = RunningService<RoleClient, ClientConfig>;

/// Why a server was not reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotReached {
    #[error("its program could not be started: {0}")]
    Program(#[from] std::io::Error),
    #[error("it did not agree on the protocol: {0}")]
    Protocol(#[from] Box<ClientInitializeError>),
    #[error("it did not list its tools: {0}")]
    List(#[from] ServiceError),
    #[error("it did not answer in time")]
    TimedOut,
    #[error("no client for HTTP was set up")]
    NoClient,
}

pub(crate) struct Connection {
    pub(crate) declaration: McpDeclaration,
    client: Option<Client>,
    clock: Arc<dyn Clock>,
    session: Mutex<Option<Arc<Session>>>,
}

impl Connection {
    pub(crate) fn new(declaration: McpDeclaration, client: Option<Client>, clock: Arc<dyn Clock>) -> Self {
        Self {
            declaration,
            client,
            clock,
            session: Mutex::new(None),
        }
    }

    /// The session there is, else a new one. `learn` is shown the tools of a new one before anybody uses it.
    pub(crate) async fn session(&self, learn: impl FnOnce(&[Tool])) -> Result<Arc<Session>, NotReached> {
        let mut place = self.session.lock().await;
        if let Some(session) = place.as_ref().filter(|session| !session.is_transport_closed()) {
            return Ok(session.clone());
        }
        *place = None;
        // The handshake's state is large, and rare.
        let reaching = Box::pin(async {
            let session = self.open().await?;
            let tools = session.list_all_tools().await?;
            Ok::<_, NotReached>((session, tools))
        });
        let reached = within(&*self.clock, self.declaration.connect_timeout, reaching).await;
        let (session, tools) = reached.map_err(|_late| NotReached::TimedOut)??;
        learn(&tools);
        let session = Arc::new(session);
        *place = Some(session.clone());
        Ok(session)
    }

    /// Forgets a session that failed, unless another one has taken its place.
    pub(crate) async fn forget(&self, failed: &Arc<Session>) {
        let mut place = self.session.lock().await;
        if place.as_ref().is_some_and(|current| Arc::ptr_eq(current, failed)) {
            *place = None;
        }
    }

    async fn open(&self) -> Result<Session, NotReached> {
        let version = env!("CARGO_PKG_VERSION");
        let us = ClientConfig::new(
            ClientCapabilities::default(),
            Implementation::new("chancery", version),
        );
        let session = match &self.declaration.transport {
            McpTransport::Stdio {
                program,
                arguments,
                variables,
            } => {
                let mut command = Command::new(program);
                command.args(arguments).env_clear();
                for (name, value) in variables {
                    command.env(name, value.expose_secret());
                }
                let (child, _) = TokioChildProcess::builder(command)
                    .stderr(Stdio::inherit())
                    .spawn()?;
                us.serve(child).await
            }
            McpTransport::Http { url, headers, .. } => {
                let client = self.client.clone().ok_or(NotReached::NoClient)?;
                let mut config = StreamableHttpClientTransportConfig::with_uri(url.as_str())
                    .max_sse_event_size(LARGEST_MESSAGE)
                    .max_json_response_size(LARGEST_MESSAGE);
                let mut given = HashMap::new();
                for (name, value) in headers {
                    // Both were checked when the declaration was read.
                    if let (Ok(name), Ok(mut value)) = (
                        name.parse::<HeaderName>(),
                        HeaderValue::from_str(value.expose_secret()),
                    ) {
                        value.set_sensitive(true);
                        given.insert(name, value);
                    }
                }
                config = config.custom_headers(given);
                us.serve(StreamableHttpClientTransport::with_client(client, config))
                    .await
            }
        };
        session.map_err(|error| NotReached::Protocol(Box::new(error)))
    }
}
