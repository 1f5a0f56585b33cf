//! What is asked of the server before it is relied upon.

use chancery_ambient::{Ambient, Fault};
use chancery_cache_redis::{PolicyError, Redis};
use deadpool_redis::redis::cmd;

use crate::support::{Corner, as_user};

#[tokio::test]
async fn a_redis_that_evicts_nothing_is_accepted() {
    let corner = Corner::new().await;
    corner.redis.check_policy().await.unwrap();
}

#[tokio::test]
async fn where_config_is_forbidden_info_will_do() {
    let redis = redis_without(&["-config"]).await;
    redis.check_policy().await.unwrap();
}

#[tokio::test]
async fn a_redis_that_does_not_tell_is_refused() {
    let redis = redis_without(&["-config", "-info"]).await;
    let refused = redis.check_policy().await.unwrap_err();
    assert!(matches!(refused, PolicyError::Untold), "{refused}");
}

#[tokio::test]
async fn a_redis_that_is_not_there_is_a_fault() {
    let redis = Redis::open(&"redis://127.0.0.1:1".to_owned().into()).unwrap();
    let refused = redis.check_policy().await.unwrap_err();
    assert!(
        matches!(refused, PolicyError::Fault(Fault::Unavailable(_))),
        "{refused}"
    );
}

/// The test server, as a user who may do anything but these.
async fn redis_without(commands: &[&str]) -> Redis {
    let name = format!("test{:032x}", u128::from_be_bytes(Ambient::system().random()));
    let corner = Corner::new().await;
    let mut user = cmd("ACL");
    user.arg("SETUSER")
        .arg(&name)
        .arg(&["on", ">word", "~*", "+@all"]);
    let _: String = corner.ask(user.arg(commands)).await;
    as_user(&name, "word")
}
