//! The Redis of `TEST_REDIS_URL`, under keys of the test's own.

use chancery_ambient::Ambient;
use chancery_cache_redis::Redis;
use deadpool_redis::redis::{Client, Cmd, FromRedisValue, aio::MultiplexedConnection, cmd};

/// A corner of the test server where nobody else writes, and a look behind the adapters.
pub(crate) struct Corner {
    pub(crate) redis: Redis,
    pub(crate) prefix: String,
    connection: MultiplexedConnection,
}

impl Corner {
    pub(crate) async fn new() -> Self {
        let prefix = prefix();
        Self {
            redis: fresh_under(&prefix),
            prefix,
            connection: Client::open(server())
                .unwrap()
                .get_multiplexed_async_connection()
                .await
                .unwrap(),
        }
    }

    /// Runs a command of the test's own.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> T {
        command.query_async(&mut self.connection.clone()).await.unwrap()
    }

    /// Every key of this corner.
    pub(crate) async fn keys(&self) -> Vec<String> {
        self.ask(cmd("KEYS").arg(format!("{}*", self.prefix))).await
    }

    /// What a flush does, to this corner alone.
    pub(crate) async fn flush(&self) {
        for key in self.keys().await {
            let _: u32 = self.ask(cmd("DEL").arg(key)).await;
        }
    }
}

/// A Redis with nothing in it.
pub(crate) fn fresh() -> Redis {
    fresh_under(&prefix())
}

/// Another database of the same server.
pub(crate) fn database(number: u8) -> Redis {
    Redis::open(&format!("redis://{}/{number}", address()).into()).unwrap()
}

/// The same server as another user.
pub(crate) fn as_user(name: &str, password: &str) -> Redis {
    let address = address();
    let host = address.rsplit('@').next().unwrap();
    Redis::open(&format!("redis://{name}:{password}@{host}").into()).unwrap()
}

/// Credentials, host and port of the server.
fn address() -> String {
    let url = server();
    let rest = url
        .strip_prefix("redis://")
        .expect("TEST_REDIS_URL begins with redis://");
    rest.split('/').next().unwrap().to_owned()
}

/// Where the server is.
fn server() -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "how `cargo xtask test` tells where its Redis is"
    )]
    let server = std::env::var("TEST_REDIS_URL");
    server.unwrap_or_else(|_| panic!("TEST_REDIS_URL is not set: run cargo xtask test"))
}

fn fresh_under(prefix: &str) -> Redis {
    Redis::open(&server().into()).unwrap().with_prefix(prefix)
}

fn prefix() -> String {
    let random = u128::from_be_bytes(Ambient::system().random());
    format!("chancery-test-{random:032x}:")
}
