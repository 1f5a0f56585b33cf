//! One Redis and its pool.

use std::{sync::Arc, time::Duration};

use chancery_ambient::Fault;
use deadpool_redis::{
    Connection, Manager, Pool, Runtime,
    redis::{AsyncConnectionConfig, Client, ErrorKind, FromRedisValue, RedisError, ScriptInvocation, cmd},
};
use secrecy::{ExposeSecret, SecretString};

/// One Redis, through a bounded pool. Cheap to clone.
#[derive(Clone)]
pub struct Redis {
    pool: Pool,
    /// For connections that are not of the pool.
    client: Client,
    prefix: Arc<str>,
}

const PREFIX: &str = "chancery:";
const CONNECTIONS: usize = 8;
/// For a free connection, or a new one.
pub(crate) const WAIT: Duration = Duration::from_secs(2);
/// For an answer.
const ANSWER: Duration = Duration::from_secs(1);

impl Redis {
    /// Prepares a pool; connects when first used.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when the address is none of Redis (`redis://`, `redis+unix://`). `rediss://` is none either: this
    /// is built without TLS.
    pub fn open(url: &SecretString) -> Result<Self, Fault> {
        let timeouts = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(WAIT))
            .set_response_timeout(Some(ANSWER));
        let client = Client::open(url.expose_secret()).map_err(Fault::unavailable)?;
        let manager = Manager::new_with_config(url.expose_secret(), timeouts).map_err(Fault::unavailable)?;
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(WAIT))
            .recycle_timeout(Some(ANSWER))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(Fault::unavailable)?;
        Ok(Self {
            pool,
            client,
            prefix: PREFIX.into(),
        })
    }

    /// The same pool under other keys, for what shares a Redis and must not meet.
    #[must_use]
    pub fn with_prefix(&self, prefix: &str) -> Self {
        Self {
            prefix: prefix.into(),
            ..self.clone()
        }
    }

    /// Asks whether it answers.
    pub async fn ping(&self) -> Result<(), Fault> {
        let mut connection = self.connection().await?;
        let answer: String = cmd("PING").query_async(&mut connection).await.map_err(fault)?;
        if answer == "PONG" {
            Ok(())
        } else {
            Err(Fault::corrupt("Redis answered PING with something else"))
        }
    }

    /// The whole name of a key.
    pub(crate) fn key(&self, of: &str, name: &str) -> String {
        format!("{}{of}:{name}", self.prefix)
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) async fn connection(&self) -> Result<Connection, Fault> {
        self.pool.get().await.map_err(Fault::unavailable)
    }

    /// Runs a script, which Redis keeps after the first time.
    pub(crate) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Fault> {
        let mut connection = self.connection().await?;
        script.invoke_async(&mut connection).await.map_err(fault)
    }
}

/// What an error of Redis means to a caller.
pub(crate) fn fault(error: RedisError) -> Fault {
    let is_of_another_kind = matches!(error.kind(), ErrorKind::Parse | ErrorKind::UnexpectedReturnType)
        || error.code() == Some("WRONGTYPE");
    if error.is_timeout() {
        Fault::timed_out(error)
    } else if is_of_another_kind {
        Fault::corrupt(error)
    } else {
        Fault::unavailable(error)
    }
}

#[cfg(test)]
mod tests {
    use super::Redis;

    #[test]
    fn keys_say_whose_and_what_for() {
        let redis = Redis::open(&"redis://127.0.0.1".to_owned().into()).unwrap();
        assert_eq!(redis.key("quota", "-:login:a"), "chancery:quota:-:login:a");
        assert_eq!(redis.with_prefix("b:").key("quota", "c"), "b:quota:c");
    }
}
