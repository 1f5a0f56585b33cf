//! What the handlers work with, and the way to it.

use std::{future::Future, sync::Arc, time::Duration};

use actix_web::web::Data;
use chancery_accounts::AccountService;
use chancery_ambient::{Ambient, Fault, Tasks, run_on, within};
use chancery_auth_keys::PublishedKeys;
use chancery_registry::AppService;
use chancery_tokens::TokenService;

use crate::error::OAuthError;

/// The services behind `/oauth` and `/.well-known`. Cheap to clone.
#[derive(Clone)]
pub struct OAuth {
    /// People, service accounts and their sessions.
    pub accounts: Arc<AccountService>,
    /// Time, for deadlines.
    pub ambient: Ambient,
    /// Clients.
    pub apps: Arc<AppService>,
    /// What anybody may read.
    pub published: Published,
    /// The main runtime, where every pool lives.
    pub tasks: Arc<dyn Tasks>,
    /// Ends tokens.
    pub tokens: Arc<TokenService>,
}

/// What verifiers and clients fetch. The handlers of it touch memory alone.
#[derive(Clone)]
pub struct Published {
    /// `iss` of our tokens.
    pub issuer: String,
    /// The published keys.
    pub keys: Arc<PublishedKeys>,
    /// The address that clients use, without a slash at its end. Every address in an answer begins with it.
    pub public_url: String,
}

impl Published {
    /// The address of the token endpoint, which an assertion may name as its audience.
    #[must_use]
    pub fn token_endpoint(public_url: &str) -> String {
        format!("{}/oauth/token", public_url.trim_end_matches('/'))
    }
}

/// How long a handler waits for a service.
const LIMIT: Duration = Duration::from_secs(15);

/// Calls a service on the main runtime: a client that leaves drops the wait, never the work, and no store is polled by an HTTP
/// worker.
pub(crate) async fn run<T, E, W>(
    oauth: &Data<OAuth>,
    work: impl FnOnce(Arc<OAuth>) -> W,
) -> Result<T, OAuthError>
where
    T: Send + 'static,
    E: Into<OAuthError> + Send + 'static,
    W: Future<Output = Result<T, E>> + Send + 'static,
{
    let work = work(Arc::clone(oauth));
    match within(&*oauth.ambient.clock, LIMIT, run_on(&*oauth.tasks, work)).await {
        Ok(done) => done?.map_err(Into::into),
        Err(late) => Err(Fault::timed_out(late).into()),
    }
}
