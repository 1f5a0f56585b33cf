#![doc = include_str!("../README.md")]

mod fan_out;
mod policy;
mod quota;
mod redis;
mod replay_guard;
mod seats;
mod tally;

pub use fan_out::RedisFanOut;
pub use policy::PolicyError;
pub use quota::RedisQuota;
pub use redis::Redis;
pub use replay_guard::RedisReplayGuard;
pub use seats::RedisSeats;
pub use tally::RedisTally;
