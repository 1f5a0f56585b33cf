//! Counts in Redis.

use std::time::Duration;

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_guards::{GuardKey, Tally};
use deadpool_redis::redis::{Script, cmd};

use crate::{Redis, redis::fault};

/// [`Tally`] in Redis. A key a count, made with its end.
pub struct RedisTally {
    redis: Redis,
    count: Script,
}

/// The shortest life, and the unit of lives.
const SHORTEST: Duration = Duration::from_millis(1);
/// The longest: Redis refuses ends far beyond.
const LONGEST: Duration = Duration::from_hours(366 * 24);

impl RedisTally {
    /// Counts in `redis`. Lives are held between a millisecond and 366 days.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self {
            redis,
            count: Script::new(include_str!("lua/count.lua")),
        }
    }

    fn key(&self, key: &GuardKey) -> String {
        self.redis.key("tally", key.as_str())
    }
}

#[async_trait]
impl Tally for RedisTally {
    async fn count(&self, key: &GuardKey, life: Duration) -> Result<u64, Fault> {
        let life = u64::try_from(life.clamp(SHORTEST, LONGEST).as_millis()).unwrap_or(u64::MAX);
        let mut script = self.count.prepare_invoke();
        script.key(self.key(key)).arg(life);
        self.redis.run(&script).await
    }

    async fn read(&self, key: &GuardKey) -> Result<u64, Fault> {
        let mut connection = self.redis.connection().await?;
        let count: Option<u64> = cmd("GET")
            .arg(self.key(key))
            .query_async(&mut connection)
            .await
            .map_err(fault)?;
        Ok(count.unwrap_or(0))
    }

    async fn clear(&self, key: &GuardKey) -> Result<(), Fault> {
        let mut connection = self.redis.connection().await?;
        cmd("DEL")
            .arg(self.key(key))
            .query_async(&mut connection)
            .await
            .map_err(fault)
    }
}
