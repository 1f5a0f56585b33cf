//! Whether Redis keeps what it is given.

use chancery_ambient::Fault;
use deadpool_redis::{
    Connection,
    redis::{RedisResult, cmd},
};

use crate::Redis;

/// Why this Redis cannot be relied upon.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Full, it would throw away marks whose absence lets a signature be used twice.
    #[error(
        "Redis throws keys away when its memory is full (maxmemory-policy is {policy}): set `maxmemory-policy noeviction` in \
         redis.conf, or run `redis-cli CONFIG SET maxmemory-policy noeviction`"
    )]
    Evicts {
        /// What it is set to.
        policy: String,
    },
    /// This user may ask neither way.
    #[error("Redis does not tell its maxmemory-policy: allow its user the command CONFIG GET or INFO")]
    Untold,
    /// It could not be asked.
    #[error("Redis could not be asked for its maxmemory-policy")]
    Fault(#[from] Fault),
}

const NAME: &str = "maxmemory-policy";

impl Redis {
    /// Makes sure that this Redis forgets nothing before its time.
    ///
    /// # Errors
    /// [`PolicyError`], which says what to do.
    pub async fn check_policy(&self) -> Result<(), PolicyError> {
        let mut connection = self.connection().await?;
        let policy = match configured(&mut connection).await {
            Ok(Some(policy)) => Some(policy),
            // Hosted Redis often forbids CONFIG.
            Ok(None) => reported(&mut connection).await?,
            Err(error) if is_refusal(&error) => reported(&mut connection).await?,
            Err(error) => return Err(crate::redis::fault(error).into()),
        };
        judge(policy)
    }
}

fn judge(policy: Option<String>) -> Result<(), PolicyError> {
    match policy {
        None => Err(PolicyError::Untold),
        Some(policy) if policy == "noeviction" => Ok(()),
        Some(policy) => Err(PolicyError::Evicts { policy }),
    }
}

async fn configured(connection: &mut Connection) -> RedisResult<Option<String>> {
    let pairs: Vec<String> = cmd("CONFIG").arg("GET").arg(NAME).query_async(connection).await?;
    let mut pairs = pairs.into_iter();
    Ok(pairs.next().filter(|name| name == NAME).and(pairs.next()))
}

async fn reported(connection: &mut Connection) -> Result<Option<String>, Fault> {
    let asked: RedisResult<String> = cmd("INFO").arg("memory").query_async(connection).await;
    match asked {
        Ok(report) => Ok(report
            .lines()
            .find_map(|line| line.strip_prefix("maxmemory_policy:"))
            .map(|policy| policy.trim().to_owned())),
        Err(error) if is_refusal(&error) => Ok(None),
        Err(error) => Err(crate::redis::fault(error)),
    }
}

/// The server answered, and does not want to tell.
fn is_refusal(error: &deadpool_redis::redis::RedisError) -> bool {
    matches!(error.code(), Some("NOPERM" | "ERR"))
}

#[cfg(test)]
mod tests {
    use super::{PolicyError, judge};

    #[test]
    fn only_noeviction_will_do() {
        assert!(judge(Some("noeviction".to_owned())).is_ok());
        for policy in ["allkeys-lru", "volatile-ttl", "volatile-lru", ""] {
            let refused = judge(Some(policy.to_owned())).unwrap_err().to_string();
            assert!(
                refused.contains("CONFIG SET maxmemory-policy noeviction"),
                "{refused}"
            );
        }
        assert!(matches!(judge(None), Err(PolicyError::Untold)));
    }
}
