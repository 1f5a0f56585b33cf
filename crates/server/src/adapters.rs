//! Builds every adapter from the settings and hands it to the domain services. The only file that names an adapter.

use std::{error::Error, sync::Arc, time::Duration};

use chancery_accounts::{
    AccountService, HashPool, IssueLimits, LockoutSettings, LoginGuard, PasswordPeppers, PayloadSignatures,
    ServiceAccountParts, ServiceAccountService, ServiceAccountSettings,
};
use chancery_agents::{
    FlushPolicy, Model, RunFanOut, RunLimits, RunParts, RunService, RunSettings, TurnRates,
};
use chancery_ambient::{Ambient, TokioTasks, cause_of};
use chancery_audit::AuditTrail;
use chancery_auth_keys::{KeyService, KeySetName, PublishedKeys};
use chancery_cache_redis::{
    PolicyError, Redis, RedisFanOut, RedisQuota, RedisReplayGuard, RedisSeats, RedisTally,
};
use chancery_conversations::ConversationService;
use chancery_events::{Event, OutboxStore};
use chancery_guards::{Quota, Rate, ReplayGuard, Seats, Tally};
use chancery_in_process::{
    DEFAULT_CAPACITY, InProcessFanOut, InProcessQuota, InProcessReplayGuard, InProcessSeats, InProcessTally,
};
use chancery_model_offline::OfflineModel;
use chancery_model_openai::{Api, OpenAiModel, OpenAiSettings};
use chancery_oauth::Published;
use chancery_registry::{AppService, AppServiceParts, AppServiceSettings};
use chancery_store_sql::{
    Database, DatabaseSettings, DatabaseUrl, Migrator, SqlAccounts, SqlApps, SqlAudit, SqlConversations,
    SqlOutbox, SqlRefreshFamilies, SqlRevocations, SqlRuns, SqlServiceTokens,
};
use chancery_tokens::{Peppers, TokenService, TokenSettings};
use chancery_vault::Transit;
use secrecy::ExposeSecret;

use crate::{
    app::App, catalog, config::Config, metrics::Metrics, migrate, readiness::Readiness,
    time_keeper::TimeKeeper,
};

mod followers;
mod keys;
mod people;
mod retention;
mod tools;

use followers::{relay, usage};
use keys::vault_client;
pub(crate) use keys::{accept_keys, existing_keys, keys, read_keys, rewrap_keys};
pub(crate) use people::people;
use people::people_service;
pub(crate) use retention::retention;
pub(crate) use tools::{declared_tools, prepare};

type Failure = Box<dyn Error>;

/// Everything a running server needs. Must run on the main runtime: pools belong to it.
pub(crate) async fn build(config: &Config, ambient: Ambient) -> Result<App, Failure> {
    let tasks = TokioTasks::on(tokio::runtime::Handle::current());
    let database = ready_database(config).await?;
    let (ambient, time_keeper) = TimeKeeper::start(&database, ambient).await?;
    let redis = redis(config).await?;
    let open_keys = |set| keys(config, set, &database, &ambient);
    let (api_keys, trust_keys) =
        futures::try_join!(open_keys(KeySetName::Api), open_keys(KeySetName::Trust))?;
    let metrics = Arc::new(Metrics::default());
    let tokens = token_service(config, &database, api_keys.clone(), &ambient)?;
    let tokens = Arc::new(tokens.watched_by(metrics.clone()));
    // Nobody is served before every revocation in force is known.
    tokens.revocations().read().await?;
    let people = Arc::new(SqlAccounts::new(database.clone()));
    let peppers = PasswordPeppers::parse(&config.auth.password_pepper)?;
    let at_once = HashPool::usual_threads();
    let hashes = Arc::new(HashPool::start(peppers, at_once, ambient.clone())?);
    let machines = machines(config, &database, redis.as_ref(), &tokens, &ambient)?;
    let service_accounts = Arc::new(machines.watched_by(metrics.clone()));
    let guard = Arc::new(login_guard(config, redis.as_ref(), &ambient));
    let people_service = people_service(
        config,
        &database,
        hashes.clone(),
        guard.clone(),
        quota(redis.as_ref(), &ambient),
        tokens.clone(),
        &ambient,
    )?;
    let accounts = AccountService::new(
        people.clone(),
        people,
        tokens.clone(),
        hashes,
        guard,
        service_accounts.clone(),
        ambient.clone(),
    );
    let accounts = Arc::new(accounts.watched_by(metrics.clone()));
    let threads = Arc::new(SqlConversations::new(database.clone()));
    let tools = Arc::new(tools::tools(config, threads.clone(), &tasks, &ambient)?);
    if let Err(fault) = prepare(&tools).await {
        tracing::warn!(source = cause_of(&fault), "some tools are not offered yet");
    }
    let agents = Arc::new(catalog::load(config.model.catalog_dir.as_deref(), &tools)?);
    let stored_runs = Arc::new(SqlRuns::new(database.clone()));
    let parts = RunParts {
        runs: stored_runs.clone(),
        abandoned: stored_runs.clone(),
        approvals: stored_runs,
        fan_out: fan_out(redis.as_ref(), &tasks, &ambient),
        threads: threads.clone(),
        titles: threads.clone(),
        outbox: Arc::new(SqlOutbox::new(database.clone())),
        model: model(config, &ambient)?,
        agents: agents.clone(),
        tools: tools.clone(),
        tasks: Arc::new(tasks.clone()),
        quota: quota(redis.as_ref(), &ambient),
        seats: seats(redis.as_ref(), &ambient),
        ambient: ambient.clone(),
    };
    let runs = Arc::new(RunService::new(parts, run_settings(config)));
    let apps = Arc::new(apps(config, &database, redis.as_ref(), &tokens, &ambient));
    let readiness = Readiness {
        database: database.clone(),
        redis,
        accounts: accounts.clone(),
        time_keeper: time_keeper.clone(),
        tokens: tokens.clone(),
        tasks: Arc::new(tasks.clone()),
        clock: ambient.clock.clone(),
    };
    Ok(App {
        accounts,
        people: Arc::new(people_service),
        service_accounts,
        apps,
        tokens,
        published_keys: Arc::new(PublishedKeys::new(api_keys.clone(), trust_keys.clone())?),
        api_keys,
        trust_keys,
        conversations: Arc::new(ConversationService::new(threads, ambient.clone())),
        runs,
        agents,
        tools,
        usage: Arc::new(usage(&database)),
        retention: Arc::new(retention::of(config, &database, &ambient)),
        relay: Arc::new(relay(&database, &metrics, &ambient)),
        metrics,
        time_keeper,
        readiness: Arc::new(readiness),
        tasks,
        ambient,
    })
}

/// Redis, where it is set. One that would throw keys away is refused; one that cannot be reached is waited for: what it
/// holds may be lost.
async fn redis(config: &Config) -> Result<Option<Redis>, Failure> {
    let Some(url) = &config.storage.redis_url else {
        return Ok(None);
    };
    let redis = Redis::open(url)?;
    match redis.check_policy().await {
        Ok(()) => {}
        Err(PolicyError::Fault(fault)) => {
            tracing::warn!(source = cause_of(&fault), "Redis does not answer yet: {fault}");
        }
        Err(refused) => return Err(refused.into()),
    }
    Ok(Some(redis))
}

/// Who tries passwords is counted for all replicas, or in this process when there is no Redis.
fn login_guard(config: &Config, redis: Option<&Redis>, ambient: &Ambient) -> LoginGuard {
    let tally: Arc<dyn Tally> = match redis {
        Some(redis) => Arc::new(RedisTally::new(redis.clone())),
        None => Arc::new(InProcessTally::new(ambient.clock.clone(), DEFAULT_CAPACITY)),
    };
    let auth = &config.auth;
    let settings = LockoutSettings {
        per_account: auth.lockout_threshold,
        account_window: auth.lockout_window,
        per_network: auth.ip_lockout_threshold,
        network_window: auth.ip_lockout_window,
    };
    LoginGuard::new(tally, &auth.password_pepper, settings)
}

fn quota(redis: Option<&Redis>, ambient: &Ambient) -> Arc<dyn Quota> {
    match redis {
        Some(redis) => Arc::new(RedisQuota::new(redis.clone())),
        None => Arc::new(InProcessQuota::new(ambient.clock.clone(), DEFAULT_CAPACITY)),
    }
}

fn seats(redis: Option<&Redis>, ambient: &Ambient) -> Arc<dyn Seats> {
    match redis {
        Some(redis) => Arc::new(RedisSeats::new(redis.clone())),
        None => Arc::new(InProcessSeats::new(ambient.clock.clone(), DEFAULT_CAPACITY)),
    }
}

fn machines(
    config: &Config,
    database: &Database,
    redis: Option<&Redis>,
    tokens: &Arc<TokenService>,
    ambient: &Ambient,
) -> Result<ServiceAccountService, Failure> {
    let signatures: Option<Arc<dyn PayloadSignatures>> = match &config.storage.vault {
        Some(vault) => Some(Arc::new(Transit::new(vault_client(vault, ambient)?))),
        None => None,
    };
    let parts = ServiceAccountParts {
        catalogue: catalog::service_accounts(config.machines.catalog.as_deref())?,
        store: Arc::new(SqlServiceTokens::new(database.clone())),
        signatures,
        tokens: tokens.clone(),
        quota: quota(redis, ambient),
        ambient: ambient.clone(),
    };
    let minute = |limit| Rate::new(limit, Duration::from_mins(1));
    let settings = ServiceAccountSettings {
        audience: config.machines.audience.clone(),
        limits: IssueLimits {
            per_account: minute(config.machines.per_account),
            per_network: minute(config.machines.together),
            together: minute(config.machines.together),
        },
    };
    Ok(ServiceAccountService::new(parts, settings))
}

fn apps(
    config: &Config,
    database: &Database,
    redis: Option<&Redis>,
    tokens: &Arc<TokenService>,
    ambient: &Ambient,
) -> AppService {
    let store = Arc::new(SqlApps::new(database.clone()));
    let assertions: Arc<dyn ReplayGuard> = match redis {
        Some(redis) => Arc::new(RedisReplayGuard::new(redis.clone())),
        None => Arc::new(InProcessReplayGuard::new(ambient.clock.clone(), DEFAULT_CAPACITY)),
    };
    let parts = AppServiceParts {
        system: store.clone(),
        apps: store,
        tokens: tokens.clone(),
        assertions,
        ambient: ambient.clone(),
    };
    let settings = AppServiceSettings {
        assertion_audiences: vec![
            config.auth.issuer.clone(),
            Published::token_endpoint(config.http.public_base()),
        ],
    };
    AppService::new(parts, settings)
}

fn fan_out(redis: Option<&Redis>, tasks: &TokioTasks, ambient: &Ambient) -> Arc<dyn RunFanOut> {
    match redis {
        Some(redis) => Arc::new(RedisFanOut::new(
            redis.clone(),
            ambient.clock.clone(),
            Arc::new(tasks.clone()),
        )),
        None => Arc::new(InProcessFanOut::default()),
    }
}

/// Announces what an operator did that is stored elsewhere.
pub(crate) async fn announce(
    config: &Config,
    ambient: &Ambient,
    event: impl FnOnce(&Ambient) -> Event,
) -> Result<(), Failure> {
    let (database, ambient) = database_and_time(config, ambient).await?;
    Ok(SqlOutbox::new(database).announce(&[event(&ambient)]).await?)
}

/// The record of a server that may be running elsewhere, for an operator's command.
pub(crate) async fn audit_trail(config: &Config, ambient: &Ambient) -> Result<AuditTrail, Failure> {
    let (database, ambient) = database_and_time(config, ambient).await?;
    Ok(AuditTrail::new(Arc::new(SqlAudit::new(database)), ambient.clock))
}

/// The tokens of a server that may be running elsewhere, for an operator's command.
pub(crate) async fn tokens(config: &Config, ambient: &Ambient) -> Result<TokenService, Failure> {
    let (database, ambient) = database_and_time(config, ambient).await?;
    let keys = keys(config, KeySetName::Api, &database, &ambient).await?;
    token_service(config, &database, keys, &ambient)
}

fn token_service(
    config: &Config,
    database: &Database,
    keys: Arc<KeyService>,
    ambient: &Ambient,
) -> Result<TokenService, Failure> {
    let families = Arc::new(SqlRefreshFamilies::new(database.clone()));
    Ok(TokenService::new(
        families.clone(),
        families,
        Arc::new(SqlRevocations::new(database.clone())),
        Arc::new(SqlOutbox::new(database.clone())),
        keys,
        token_settings(config)?,
        ambient.clone(),
    ))
}

fn token_settings(config: &Config) -> Result<TokenSettings, Failure> {
    let auth = &config.auth;
    Ok(TokenSettings {
        issuer: auth.issuer.clone(),
        audiences: auth.audiences.clone(),
        access_life: auth.access_life,
        refresh_life: auth.refresh_life,
        session_max: auth.session_max,
        grace: auth.grace,
        peppers: Peppers::parse(&auth.refresh_pepper)?,
        warm_tokens: auth.warm_tokens,
    })
}

fn model(config: &Config, ambient: &Ambient) -> Result<Arc<dyn Model>, Failure> {
    let Some(endpoint) = &config.model.openai else {
        let words = config.model.offline_words_per_second;
        return Ok(Arc::new(OfflineModel::new(words, ambient.clock.clone())));
    };
    let settings = OpenAiSettings {
        api_key: endpoint.api_key.clone(),
        api: if endpoint.chat_completions {
            Api::ChatCompletions
        } else {
            Api::Responses
        },
        model_override: endpoint.model.clone(),
        connect_timeout: endpoint.connect_timeout,
        idle_timeout: endpoint.idle_timeout,
        ..OpenAiSettings::at(endpoint.base_url.clone())
    };
    Ok(Arc::new(OpenAiModel::new(settings, ambient.clone())?))
}

/// 0 is no limit.
fn a_minute(limit: u32) -> Option<Rate> {
    (limit > 0).then(|| Rate::new(limit, Duration::from_mins(1)))
}

fn run_settings(config: &Config) -> RunSettings {
    let flush = if config.storage.postgres {
        FlushPolicy::AfterReaders
    } else {
        FlushPolicy::BeforeReaders
    };
    RunSettings {
        flush,
        limits: RunLimits {
            time: config.model.run_timeout,
            ..RunLimits::default()
        },
        rates: TurnRates {
            answered: a_minute(config.model.turns_per_minute),
            streamed: a_minute(config.model.streams_per_minute),
            streams_at_once: config.model.streams_at_once,
        },
        titles: config.model.titles,
    }
}

/// Opens the pools. Nothing is asked of the database yet.
pub(crate) fn database(config: &Config) -> Result<Database, Failure> {
    let url = DatabaseUrl::parse(config.storage.database_url.expose_secret())?;
    Ok(Database::open(
        &url,
        &DatabaseSettings {
            pool_size: config.storage.pool_size,
            ..DatabaseSettings::default()
        },
    )?)
}

/// The database, with the schema that this program knows.
pub(crate) async fn ready_database(config: &Config) -> Result<Database, Failure> {
    let database = database(config)?;
    ready_schema(config, &database).await?;
    Ok(database)
}

/// The same, and its time: what a command writes down is read by servers.
async fn database_and_time(config: &Config, ambient: &Ambient) -> Result<(Database, Ambient), Failure> {
    let database = ready_database(config).await?;
    let (ambient, _) = TimeKeeper::start(&database, ambient.clone()).await?;
    Ok((database, ambient))
}

/// Brings the schema up to date where that is allowed, else refuses one that is not ours.
async fn ready_schema(config: &Config, database: &Database) -> Result<(), Failure> {
    let migrator = Migrator::new(database);
    if config.storage.auto_migrate {
        for name in migrator.run().await? {
            tracing::info!(name, "ran a migration");
        }
    }
    match migrate::trouble(&migrator.status().await?) {
        None => Ok(()),
        Some((fault, remedy)) => Err(format!("{fault}; {remedy}").into()),
    }
}
