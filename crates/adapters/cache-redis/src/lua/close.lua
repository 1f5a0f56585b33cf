-- KEYS[1]: a run's stream. Tells whoever listens that nothing follows (an empty text), and takes the stream away.
redis.call('PUBLISH', KEYS[1], '')
return redis.call('DEL', KEYS[1])
