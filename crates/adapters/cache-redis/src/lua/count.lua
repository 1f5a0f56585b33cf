-- KEYS[1]: the count. ARGV[1]: its life in milliseconds, from the first on.
redis.call('SET', KEYS[1], '0', 'NX', 'PX', ARGV[1])
return redis.call('INCR', KEYS[1])
