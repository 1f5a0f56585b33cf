//! Seats in Redis.

use std::time::Duration;

use async_trait::async_trait;
use chancery_ambient::Fault;
use chancery_guards::{Seat, Seats};
use deadpool_redis::redis::{Script, cmd};

use crate::{Redis, redis::fault};

/// [`Seats`] in Redis, on Redis' clock. A key a sorted set: who sits, by when the seat lapses.
pub struct RedisSeats {
    redis: Redis,
    sit: Script,
}

/// Seats kept in one call of the script; Redis does nothing else meanwhile.
const AT_ONCE: usize = 200;

impl RedisSeats {
    /// Seats in `redis`. Lives are a millisecond at least.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self {
            redis,
            sit: Script::new(include_str!("lua/sit.lua")),
        }
    }

    /// `limit` is empty for those who sit whatever it is.
    async fn sit(&self, seats: &[Seat], limit: &str, life: Duration) -> Result<bool, Fault> {
        let mut script = self.sit.prepare_invoke();
        script
            .arg(u64::try_from(life.as_millis()).unwrap_or(u64::MAX).max(1))
            .arg(limit);
        for seat in seats {
            script.key(self.key(seat)).arg(name(seat));
        }
        self.redis.run(&script).await
    }

    fn key(&self, seat: &Seat) -> String {
        self.redis.key("seats", seat.key.as_str())
    }
}

fn name(seat: &Seat) -> String {
    format!("{:032x}", seat.id)
}

#[async_trait]
impl Seats for RedisSeats {
    async fn take(&self, seat: &Seat, limit: u32, life: Duration) -> Result<bool, Fault> {
        self.sit(std::slice::from_ref(seat), &limit.to_string(), life)
            .await
    }

    async fn keep(&self, seats: &[Seat], life: Duration) -> Result<(), Fault> {
        for some in seats.chunks(AT_ONCE) {
            self.sit(some, "", life).await?;
        }
        Ok(())
    }

    async fn give_back(&self, seat: &Seat) -> Result<(), Fault> {
        let mut connection = self.redis.connection().await?;
        cmd("ZREM")
            .arg(self.key(seat))
            .arg(name(seat))
            .query_async(&mut connection)
            .await
            .map_err(fault)
    }
}
