//! What the handlers work with, and the way to it.

use std::{future::Future, sync::Arc, time::Duration};

use actix_web::web::Data;
use chancery_accounts::{AccountService, PeopleService, ServiceAccountService};
use chancery_agents::{AgentCatalogue, RunService};
use chancery_ambient::{Ambient, Fault, Tasks, run_on, within};
use chancery_billing::UsageService;
use chancery_conversations::ConversationService;
use chancery_tokens::TokenService;
use chancery_tools::ToolCatalogue;

use crate::problem::Failure;

/// The services behind `/api/v1`. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    /// People and their logins.
    pub accounts: Arc<AccountService>,
    /// The hosted agents.
    pub agents: Arc<AgentCatalogue>,
    /// For heartbeats.
    pub ambient: Ambient,
    /// Threads.
    pub conversations: Arc<ConversationService>,
    /// Passwords, members and invitations.
    pub people: Arc<PeopleService>,
    /// Turns of hosted agents.
    pub runs: Arc<RunService>,
    /// Machines of the tenants.
    pub service_accounts: Arc<ServiceAccountService>,
    /// Streams are of the first version's frames unless a request says otherwise (`CHAT_STREAM_FORMAT=chunks`).
    pub stream_chunks: bool,
    /// The main runtime, where every pool lives.
    pub tasks: Arc<dyn Tasks>,
    /// Verifies who is calling.
    pub tokens: Arc<TokenService>,
    /// What agents may call.
    pub tools: Arc<ToolCatalogue>,
    /// What was used.
    pub usage: Arc<UsageService>,
}

/// How long a handler waits for a service. Databases bound their statements themselves; this is for one that fell silent.
const LIMIT: Duration = Duration::from_secs(15);

/// Calls a service on the main runtime. Every handler that reaches a store or the world goes this way: a client that
/// leaves drops the wait, never the work, and no store is polled by an HTTP worker. So does the end of the time allowed: what
/// happened is then unknown, and commands are safe to repeat.
pub(crate) async fn run<T, E, W>(api: &Data<Api>, work: impl FnOnce(Arc<Api>) -> W) -> Result<T, Failure>
where
    T: Send + 'static,
    E: Into<Failure> + Send + 'static,
    W: Future<Output = Result<T, E>> + Send + 'static,
{
    let work = work(Arc::clone(api));
    match within(&*api.ambient.clock, LIMIT, run_on(&*api.tasks, work)).await {
        Ok(done) => done?.map_err(Into::into),
        Err(late) => Err(Fault::timed_out(late).into()),
    }
}
