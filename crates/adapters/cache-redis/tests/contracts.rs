//! Each adapter keeps to its port's clauses.

mod quota {
    use chancery_cache_redis::RedisQuota;

    chancery_guards::quota_contract!(RedisQuota::new(crate::support::fresh()));
}

mod replay_guard {
    use chancery_cache_redis::RedisReplayGuard;

    chancery_guards::replay_guard_contract!(RedisReplayGuard::new(crate::support::fresh()));
}

mod seats {
    use chancery_cache_redis::RedisSeats;

    chancery_guards::seats_contract!(RedisSeats::new(crate::support::fresh()));
}

mod tally {
    use chancery_cache_redis::RedisTally;

    chancery_guards::tally_contract!(RedisTally::new(crate::support::fresh()));
}
