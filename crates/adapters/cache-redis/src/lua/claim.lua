-- KEYS[2]: the mark. ARGV: its `created` and its `until`, in microseconds. Follows since.lua.
local now = redis.call('TIME')
local ends = math.ceil(tonumber(ARGV[2]) / 1000)
if ends * 1000 <= now[1] * 1000000 + now[2] then
  return 'past'
end
if tonumber(ARGV[1]) < tonumber(since) then
  return 'forgotten'
end
if redis.call('SET', KEYS[2], '1', 'NX', 'PXAT', string.format('%.0f', ends)) then
  return 'claimed'
end
return 'replayed'
