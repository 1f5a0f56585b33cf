//! Refresh tokens do not depend on the key that signed them.

use std::{sync::Arc, time::Duration};

use chancery_ambient::Ambient;
use chancery_tokens::contract::{Bench, MemoryFamilies};

/// Security.md 1.
#[tokio::test]
async fn a_refresh_token_of_day_0_works_on_day_29_after_daily_rotations() {
    let bench = Bench::over(Arc::new(MemoryFamilies::default()), Ambient::system().new_id()).await;
    let first = bench.log_in(None).await;
    for _ in 0..29 {
        bench.keys.tick().await.unwrap();
        bench.clock.advance(Duration::from_hours(24));
        bench.keys.promote().await.unwrap();
        bench.keys.retire_expired().await.unwrap();
    }
    let keys = bench.keys.set();
    assert!(keys.keys().iter().any(|key| key.kid().as_str() == first.kid));
    assert!(
        !bench.keys.publishes_any(|kid| kid.as_str() == first.kid),
        "the key of day 0 is long retired"
    );
    let pair = bench.refresh(&first.refresh_token, None).await.unwrap();
    bench.verify(&pair.access_token).await.unwrap();
}
