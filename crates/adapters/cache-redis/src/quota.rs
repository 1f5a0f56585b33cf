//! Limits in Redis.

use std::time::Duration;

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_guards::{Quota, Take, Verdict};
use deadpool_redis::redis::Script;

use crate::Redis;

/// [`Quota`] in Redis, on Redis' clock. A key a limit, which ends when the limit is whole.
pub struct RedisQuota {
    redis: Redis,
    script: Script,
}

impl RedisQuota {
    /// Limits in `redis`.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self {
            redis,
            script: Script::new(include_str!("lua/take.lua")),
        }
    }
}

#[async_trait]
impl Quota for RedisQuota {
    async fn take(&self, takes: &[Take]) -> Result<Verdict, Fault> {
        let mut script = self.script.prepare_invoke();
        for take in takes {
            script
                .key(self.redis.key("quota", take.key.as_str()))
                .arg(micros(take.rate.debt_of(take.cost)))
                .arg(micros(take.rate.capacity()));
        }
        let backlogs: Vec<u64> = self.redis.run(&script).await?;
        if backlogs.len() != takes.len() {
            return Err(Fault::corrupt("Redis answered for another number of limits"));
        }
        let backlogs: Vec<Duration> = backlogs.into_iter().map(Duration::from_micros).collect();
        Ok(Verdict::weigh(takes, &backlogs))
    }
}

/// Far below 2⁵³, up to which Lua counts exactly.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
