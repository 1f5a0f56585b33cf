#![doc = include_str!("../README.md")]

use std::time::Duration;

use chancery_ambient::Fault;
use deadpool_redis::{Config, Pool, PoolConfig, Runtime, Timeouts, redis::cmd};
use secrecy::{ExposeSecret, SecretString};

/// One Redis, through a bounded pool. Cheap to clone.
#[derive(Clone)]
pub struct Redis {
    pool: Pool,
}

const CONNECTIONS: usize = 8;
const WAIT: Duration = Duration::from_secs(2);

impl Redis {
    /// Prepares a pool; connects when first used.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when the address is no `redis://` or `rediss://` address.
    pub fn open(url: &SecretString) -> Result<Self, Fault> {
        let mut config = Config::from_url(url.expose_secret());
        let timeouts = Timeouts {
            wait: Some(WAIT),
            create: Some(WAIT),
            recycle: Some(WAIT),
        };
        config.pool = Some(PoolConfig {
            max_size: CONNECTIONS,
            timeouts,
            ..PoolConfig::default()
        });
        let pool = config
            .create_pool(Some(Runtime::Tokio1))
            .map_err(Fault::unavailable)?;
        Ok(Self { pool })
    }

    /// Asks whether it answers.
    pub async fn ping(&self) -> Result<(), Fault> {
        let mut connection = self.pool.get().await.map_err(Fault::unavailable)?;
        let answer: String = cmd("PING")
            .query_async(&mut connection)
            .await
            .map_err(Fault::unavailable)?;
        if answer == "PONG" {
            Ok(())
        } else {
            Err(Fault::corrupt("Redis answered PING with something else"))
        }
    }
}
