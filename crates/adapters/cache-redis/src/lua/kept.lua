-- KEYS[1]: a run's stream. Answer: the id of the last event that was ever in it, then the text of each it holds; nothing
-- when there is no such stream.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {}
end
local answer = {}
local facts = redis.call('XINFO', 'STREAM', KEYS[1])
for i = 1, #facts, 2 do
  if facts[i] == 'last-generated-id' then
    answer[1] = string.match(facts[i + 1], '^%d+')
  end
end
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
  answer[#answer + 1] = entry[2][2]
end
return answer
