//! The domain services of a running server.

use std::sync::Arc;

use chancery_accounts::{AccountService, PeopleService, ServiceAccountService};
use chancery_agents::{AgentCatalogue, RunService};
use chancery_ambient::{Ambient, TokioTasks};
use chancery_auth_keys::{KeyService, PublishedKeys};
use chancery_billing::UsageService;
use chancery_conversations::ConversationService;
use chancery_events::Relay;
use chancery_registry::AppService;
use chancery_tokens::TokenService;
use chancery_tools::ToolCatalogue;

use crate::{metrics::Metrics, readiness::Readiness, retention::Retention, time_keeper::TimeKeeper};

/// One field per domain service, and what the surfaces and workers need besides. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    /// Time and randomness.
    pub ambient: Ambient,
    /// The main runtime, where every pool lives.
    pub tasks: TokioTasks,
    /// People and their logins.
    pub accounts: Arc<AccountService>,
    /// Passwords, members and invitations.
    pub people: Arc<PeopleService>,
    /// Machines of the tenants.
    pub service_accounts: Arc<ServiceAccountService>,
    /// API clients.
    pub apps: Arc<AppService>,
    /// Tokens.
    pub tokens: Arc<TokenService>,
    /// What signs access tokens.
    pub api_keys: Arc<KeyService>,
    /// What signs for the verifiers of agents.
    pub trust_keys: Arc<KeyService>,
    /// What verifiers read of both.
    pub published_keys: Arc<PublishedKeys>,
    /// Threads.
    pub conversations: Arc<ConversationService>,
    /// Turns of hosted agents.
    pub runs: Arc<RunService>,
    /// The hosted agents.
    pub agents: Arc<AgentCatalogue>,
    /// Their tools.
    pub tools: Arc<ToolCatalogue>,
    /// What was used.
    pub usage: Arc<UsageService>,
    /// Carries events to their consumers.
    pub relay: Arc<Relay>,
    /// Forgets what is not kept for ever.
    pub retention: Arc<Retention>,
    /// What a scrape shows.
    pub metrics: Arc<Metrics>,
    /// Asks the database for the time, where it has one.
    pub time_keeper: Option<Arc<TimeKeeper>>,
    /// What must work before requests are welcome.
    pub readiness: Arc<Readiness>,
}
