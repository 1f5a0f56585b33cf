-- Takes from several limits, from all or from none (Verdict::weigh is the same rule).
-- KEYS: the limits; each holds the moment, in microseconds by Redis' clock, at which it is whole again.
-- ARGV: for each key what the take adds to its backlog, then what its backlog may grow to, in microseconds.
-- Answer: how long each limit needed before the take until it was whole, in microseconds.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local backlogs, whole_at, allowed = {}, {}, true
for i, key in ipairs(KEYS) do
  local debt, capacity = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local at = math.max(whole_at[key] or tonumber(redis.call('GET', key) or '0'), now)
  backlogs[i] = at - now
  whole_at[key] = at + debt
  if debt > 0 and backlogs[i] + debt > capacity then
    allowed = false
  end
end
if allowed then
  for key, at in pairs(whole_at) do
    if at > now then
      redis.call('SET', key, string.format('%.0f', at), 'PXAT', string.format('%.0f', math.ceil(at / 1000)))
    end
  end
end
return backlogs
