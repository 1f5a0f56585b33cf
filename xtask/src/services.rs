//! Private Postgres and Redis instances, on free ports, in a temporary folder, stopped when dropped.

pub(crate) mod openbao;
pub(crate) mod postgres;
mod redis;

use std::env;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use tempfile::TempDir;

use crate::process::{self, Daemon};
use crate::{Outcome, tools};

/// Names the Postgres server that the tests may create databases on.
const POSTGRES_VARIABLE: &str = "TEST_DATABASE_URL";
/// Names the Redis server that the tests may fill.
const REDIS_VARIABLE: &str = "TEST_REDIS_URL";

/// The running services. Whatever was started stops when this is dropped, on success, failure and Ctrl-C.
pub(crate) struct Services {
    postgres_url: String,
    postgres_id: Option<u32>,
    redis_url: String,
    redis_id: Option<u32>,
    // Dropped in this order: the folder is theirs.
    _daemons: Vec<Daemon>,
    _folder: TempDir,
}

impl Services {
    /// Starts what is not already named by `TEST_DATABASE_URL` and `TEST_REDIS_URL`, installing what is missing.
    pub(crate) fn start() -> Outcome<Self> {
        let named_postgres = env::var(POSTGRES_VARIABLE).ok();
        let named_redis = env::var(REDIS_VARIABLE).ok();
        install_missing(named_postgres.is_none(), named_redis.is_none())?;

        // Readable for all, because Postgres runs as another user when we are root.
        let folder = tempfile::Builder::new()
            .prefix("chancery-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir()?;
        let mut daemons = Vec::new();
        let (mut postgres_id, mut redis_id) = (None, None);
        let postgres_url = if let Some(url) = named_postgres {
            url
        } else {
            let started = postgres::start(&folder.path().join("postgres"))?;
            postgres_id = Some(started.daemon.id());
            keep(&mut daemons, started)
        };
        let redis_url = if let Some(url) = named_redis {
            url
        } else {
            let started = redis::start(&folder.path().join("redis"))?;
            redis_id = Some(started.daemon.id());
            keep(&mut daemons, started)
        };
        println!("postgres: {postgres_url}\nredis: {redis_url}");
        Ok(Self {
            postgres_url,
            postgres_id,
            redis_url,
            redis_id,
            _daemons: daemons,
            _folder: folder,
        })
    }

    /// Where Postgres is.
    pub(crate) fn postgres_url(&self) -> &str {
        &self.postgres_url
    }

    /// The process of Postgres, when it is ours.
    pub(crate) fn postgres_id(&self) -> Option<u32> {
        self.postgres_id
    }

    /// The process of Redis, when it is ours.
    pub(crate) fn redis_id(&self) -> Option<u32> {
        self.redis_id
    }

    /// Where Redis is.
    pub(crate) fn redis_url(&self) -> &str {
        &self.redis_url
    }

    /// Tells the program where the services are.
    pub(crate) fn describe_to(&self, command: &mut Command) {
        command
            .env(POSTGRES_VARIABLE, &self.postgres_url)
            .env(REDIS_VARIABLE, &self.redis_url);
    }
}

/// A service that was started: the guard and the address.
struct Started {
    daemon: Daemon,
    url: String,
}

fn keep(daemons: &mut Vec<Daemon>, started: Started) -> String {
    daemons.push(started.daemon);
    started.url
}

fn install_missing(postgres: bool, redis: bool) -> Outcome {
    let mut packages = Vec::new();
    if postgres && postgres::programs().is_none() {
        packages.push("postgresql");
    }
    if redis && redis::program().is_none() {
        packages.push("redis-server");
    }
    // System tests start the server under a moved clock.
    if process::find("faketime").is_none() {
        packages.push("faketime");
    }
    tools::install_system_packages(&packages)
}
