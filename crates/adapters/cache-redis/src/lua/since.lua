-- Since when nothing was lost, in microseconds by Redis' clock.
-- KEYS[1]: that moment and the server that noted it. A flush takes the key away; a restart or a failover brings another
-- server, which may have lost what was written last.
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if not run then
  return redis.error_reply('ERR INFO does not tell the run_id')
end
local since, of = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+):(%w+)$')
if of ~= run then
  local time = redis.call('TIME')
  since = string.format('%d%06d', time[1], time[2])
  redis.call('SET', KEYS[1], since .. ':' .. run)
end
