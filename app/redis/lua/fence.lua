#!lua flags=allow-oom
-- Raises the fence: from then on, no script of an earlier epoch runs on this server. It never decreases.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] owner
-- ARGV[1] epoch to raise it to  ARGV[2] 'keeper'  ARGV[3] replid  ARGV[4] ledger identity
-- Returns the current fence.
--@include prologue
--@include owner
--@include claim-free

local refused = other_server() or owner_refusal_or_claim()
if refused then return redis.error_reply(refused) end
local fence = tonumber(redis.call('GET', KEYS[1]) or '-1')
if tonumber(ARGV[1]) > fence then
  redis.call('SET', KEYS[1], ARGV[1])
  return ARGV[1]
end
return redis.call('GET', KEYS[1])
