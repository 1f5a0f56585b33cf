-- Adds events to a run's stream and shows them to whoever listens.
-- KEYS[1]: the stream, which is also the channel. ARGV: its life in milliseconds, how many events it may hold, the id of
-- the event that the caller published last (empty: unknown), then id and text of each event.
-- Answer: 1; 0, with nothing done, when the stream does not end with that event (something was lost) or is full.
if ARGV[3] ~= '' then
  local last
  if redis.call('EXISTS', KEYS[1]) == 1 then
    local facts = redis.call('XINFO', 'STREAM', KEYS[1])
    for i = 1, #facts, 2 do
      if facts[i] == 'last-generated-id' then
        last = facts[i + 1]
      end
    end
  end
  if last ~= ARGV[3] .. '-0' then
    return 0
  end
end
-- MAXLEN would drop the oldest, which the log may not have.
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[2]) then
  return 0
end
for i = 4, #ARGV, 2 do
  local added = redis.pcall('XADD', KEYS[1], ARGV[i] .. '-0', 'event', ARGV[i + 1])
  if type(added) == 'table' and added.err then
    -- What stands in the stream was shown.
    if not string.find(added.err, 'equal or smaller', 1, true) then
      return added
    end
  else
    redis.call('PUBLISH', KEYS[1], ARGV[i + 1])
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
