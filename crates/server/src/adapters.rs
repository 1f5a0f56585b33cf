//! Builds every adapter from the settings and hands it to the domain services. The only file that names an adapter.

use std::{error::Error, sync::Arc, time::Duration};

use chancery_accounts::{AccountService, HashPool, PasswordPeppers};
use chancery_agents::{AgentCatalogue, FlushPolicy, Model, RunParts, RunService, RunSettings, SearchConversations};
use chancery_ambient::{Ambient, Fault, TokioTasks};
use chancery_audit::AuditTrail;
use chancery_auth_keys::{KeyService, KeySettings};
use chancery_cache_redis::Redis;
use chancery_conversations::ConversationService;
use chancery_events::Relay;
use chancery_in_process::InProcessFanOut;
use chancery_key_files::KeyFiles;
use chancery_model_offline::OfflineModel;
use chancery_model_openai::{Api, OpenAiModel, OpenAiSettings};
use chancery_store_sql::{
    Database, DatabaseSettings, DatabaseUrl, Migrator, SqlAccounts, SqlAudit, SqlConversations, SqlOutbox,
    SqlRefreshFamilies, SqlRuns,
};
use chancery_tokens::{Peppers, TokenService, TokenSettings};
use chancery_tools::{GetCurrentTime, ToolCatalogue};
use secrecy::ExposeSecret;

use crate::{
    app::App,
    catalog,
    config::{Config, KeyStorage},
    metrics::Metrics,
    readiness::Readiness,
};

type Failure = Box<dyn Error>;

/// Everything a running server needs. Must run on the main runtime: pools belong to it.
pub async fn build(config: &Config, ambient: Ambient) -> Result<App, Failure> {
    let tasks = TokioTasks::on(tokio::runtime::Handle::current());
    let database = database(config)?;
    ready_schema(config, &database).await?;
    let redis = config.storage.redis_url.as_ref().map(Redis::open).transpose()?;
    let outbox = Arc::new(SqlOutbox::new(database.clone()));
    let keys = keys(config, &ambient).await?;
    let tokens = Arc::new(TokenService::new(
        Arc::new(SqlRefreshFamilies::new(database.clone())),
        outbox.clone(),
        keys.clone(),
        token_settings(config)?,
        ambient.clone(),
    ));
    let people = Arc::new(SqlAccounts::new(database.clone()));
    let hashes = HashPool::start(PasswordPeppers::parse(&config.auth.password_pepper)?, &ambient)?;
    let accounts =
        Arc::new(AccountService::new(people.clone(), people, tokens.clone(), hashes, ambient.clone()));
    let threads = Arc::new(SqlConversations::new(database.clone()));
    let tools = Arc::new(ToolCatalogue::new([
        Arc::new(GetCurrentTime::new(ambient.clock.clone())) as Arc<dyn chancery_tools::Tool>,
        Arc::new(SearchConversations::new(threads.clone())),
        Arc::new(WebSearch::new(config.model.tavily_key.clone())),
    ])?);
    let agents = Arc::new(catalog::load(config.model.catalog_dir.as_deref(), &tools)?);
    let runs = runs(config, &ambient, &database, &tasks, threads.clone(), outbox.clone(), &agents, &tools)?;
    let trail = Arc::new(AuditTrail::new(Arc::new(SqlAudit::new(database.clone()))));
    let readiness = Readiness {
        database: database.clone(),
        redis,
        accounts: accounts.clone(),
        tasks: Arc::new(tasks.clone()),
        clock: ambient.clock.clone(),
    };
    Ok(App {
        accounts,
        tokens,
        keys,
        conversations: Arc::new(ConversationService::new(threads, ambient.clone())),
        runs,
        agents,
        tools,
        relay: Arc::new(Relay::new(outbox, vec![trail], ambient.clock.clone())),
        metrics: Arc::new(Metrics::default()),
        readiness: Arc::new(readiness),
        tasks,
        ambient,
    })
}

/// Opens the pools. Nothing is asked of the database yet.
pub fn database(config: &Config) -> Result<Database, Failure> {
    let url = DatabaseUrl::parse(config.storage.database_url.expose_secret())?;
    Ok(Database::open(&url, &DatabaseSettings { pool_size: config.storage.pool_size, ..DatabaseSettings::default() })?)
}

/// The key service over the stored set; makes the set when there is none.
pub async fn keys(config: &Config, ambient: &Ambient) -> Result<Arc<KeyService>, Fault> {
    KeyService::open(key_store(config), key_settings(config), ambient.clone()).await.map(Arc::new)
}

/// The key service over the stored set; `None` when there is no set.
pub async fn existing_keys(config: &Config, ambient: &Ambient) -> Result<Option<KeyService>, Fault> {
    KeyService::open_existing(key_store(config), key_settings(config), ambient.clone()).await
}

fn key_store(config: &Config) -> Arc<KeyFiles> {
    let KeyStorage::Files(folder) = &config.storage.keys;
    Arc::new(KeyFiles::new(folder.clone()))
}

fn key_settings(config: &Config) -> KeySettings {
    KeySettings { jwks_max_age: config.auth.jwks_max_age, longest_life: config.auth.access_life }
}

/// Brings the schema up to date where that is allowed, else refuses one that is not ours.
async fn ready_schema(config: &Config, database: &Database) -> Result<(), Failure> {
    let migrator = Migrator::new(database);
    if config.storage.auto_migrate {
        for name in migrator.run().await? {
            tracing::info!(name, "ran a migration");
        }
    }
    let status = migrator.status().await?;
    if !status.unknown.is_empty() {
        return Err(format!(
            "the database knows migrations that this program does not: {}; run the newer program",
            status.unknown.join(", ")
        )
        .into());
    }
    if !status.pending.is_empty() {
        return Err(format!("pending migrations: {}; run `chancery migrate run`", status.pending.join(", ")).into());
    }
    Ok(())
}
