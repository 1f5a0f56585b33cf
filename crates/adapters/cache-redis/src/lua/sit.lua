-- Takes seats, or gives those who sit a new life.
-- KEYS: of each seat the sorted set of those who sit there, by the millisecond of Redis' clock at which the seat lapses.
-- ARGV: the life in milliseconds, how many may sit there (empty: whatever that is), then the name of each seat.
-- Answer: 1; 0, with nothing done from there on, when all seats are taken.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lapses = string.format('%.0f', now + tonumber(ARGV[1]))
local limit = tonumber(ARGV[2])
for i, key in ipairs(KEYS) do
  local seat = ARGV[i + 2]
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now))
  if limit and not redis.call('ZSCORE', key, seat) and redis.call('ZCARD', key) >= limit then
    return 0
  end
  redis.call('ZADD', key, lapses, seat)
  local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
  redis.call('PEXPIREAT', key, string.format('%.0f', tonumber(last[2])))
end
return 1
