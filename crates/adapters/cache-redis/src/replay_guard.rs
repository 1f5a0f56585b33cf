//! What was accepted, in Redis.

use async_trait::async_trait;
use chancery_ambient::{Fault, Timestamp};
use chancery_guards::{Claim, Mark, ReplayGuard};
use deadpool_redis::redis::Script;

use crate::Redis;

/// [`ReplayGuard`] in Redis, on Redis' clock.
///
/// It begins to remember when it is first asked, and again when Redis was flushed, restarted or replaced by a replica,
/// because each may have lost marks.
pub struct RedisReplayGuard {
    redis: Redis,
    claim: Script,
    since: Script,
}

impl RedisReplayGuard {
    /// Marks in `redis`.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        const SINCE: &str = include_str!("lua/since.lua");
        Self {
            redis,
            claim: Script::new(&[SINCE, include_str!("lua/claim.lua")].concat()),
            since: Script::new(&[SINCE, "return since\n"].concat()),
        }
    }

    fn beginning(&self) -> String {
        self.redis.key("replay", "since")
    }
}

#[async_trait]
impl ReplayGuard for RedisReplayGuard {
    async fn claim(&self, mark: &Mark) -> Result<Claim, Fault> {
        let mut script = self.claim.prepare_invoke();
        script
            .key(self.beginning())
            .key(self.redis.key("replay", mark.key.as_str()))
            .arg(mark.created.unix_micros())
            .arg(mark.until.unix_micros());
        let answer: String = self.redis.run(&script).await?;
        match answer.as_str() {
            "claimed" => Ok(Claim::Claimed),
            "replayed" => Ok(Claim::Replayed),
            "past" => Ok(Claim::Past),
            "forgotten" => Ok(Claim::Forgotten),
            _ => Err(Fault::corrupt("Redis answered a claim with something else")),
        }
    }

    async fn remembers_since(&self) -> Result<Timestamp, Fault> {
        let mut script = self.since.prepare_invoke();
        script.key(self.beginning());
        let micros: i64 = self.redis.run(&script).await?;
        Timestamp::from_unix_micros(micros)
            .ok_or_else(|| Fault::corrupt("the replay guard's beginning lies outside the calendar"))
    }
}
