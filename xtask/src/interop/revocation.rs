//! Two replicas over one Postgres and one Redis, under load, whose tokens are revoked in every way while Redis and Postgres fail.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::replica::{EMAIL, PASSWORD, Replica};
use super::{Judge, Stage};
use crate::services::Services;
use crate::{Outcome, process};

pub(super) const JUDGE: Judge = Judge {
    name: "revocation",
    about: "how long a revoked token is still taken, on two replicas under load, whatever becomes of Redis and Postgres",
    run,
};

fn run(stage: &Stage) -> Outcome {
    let services = Services::start()?;
    let (Some(postgres), Some(redis)) = (services.postgres_id(), services.redis_id()) else {
        return Err("this stops Postgres and kills Redis, so they must be its own: unset TEST_DATABASE_URL and TEST_REDIS_URL".into());
    };
    let port: SocketAddr = services.redis_url().trim_start_matches("redis://").parse()?;
    let folder = tempfile::Builder::new()
        .prefix("chancery-revocation-")
        .tempdir()?;
    let one = Replica::start(stage.binary(), &services, &folder, "one", None)?;
    let other = Replica::start(stage.binary(), &services, &folder, "other", Some(&one.url))?;
    let settings: BTreeMap<_, _> = one.environment.iter().cloned().collect();
    let mut judge = stage.node("revocation.mjs", &[])?;
    judge
        .env("CHANCERY_BIN", stage.binary())
        .env("CHANCERY_SETTINGS", serde_json::to_string(&settings)?)
        .env("CHANCERY_URLS", format!("{},{}", one.url, other.url))
        .env("CHANCERY_EMAIL", EMAIL)
        .env("CHANCERY_PASSWORD", PASSWORD)
        .env("POSTGRES_PID", postgres.to_string())
        .env("REDIS_PID", redis.to_string())
        .env("REDIS_PORT", port.port().to_string());
    process::run(&mut judge)
}
