#!lua flags=allow-oom
-- Forgets ids, in the order of their UUIDv7 time, and raises the lookup horizon to the end of each bucket: ids up to it are
-- looked up in MySQL from then on. A bucket may be deleted only if all its outcomes are in MySQL and the ledger's time
-- has passed its end. The older generation of other ids is deleted, too, if requested.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] owner  KEYS[4] other ids, generation 0  KEYS[5] generation 1
-- KEYS[6..] buckets, oldest first
-- ARGV[1] epoch  ARGV[2] 'keeper'  ARGV[3] replid  ARGV[4] ledger identity  ARGV[5] '1' to rotate the generations of
--   other ids  ARGV[6..] the last ms of each bucket
-- Returns head.
--@include prologue
--@include owner

local ledger, refused = enter_as_keeper()
if not ledger then return refused end

local function let_go(key)
  local highest = number_of(redis.call('HGET', key, '#'))
  if highest > ledger.cursor then return false end
  ledger.evicted_up_to = math.max(ledger.evicted_up_to, highest)
  redis.call('UNLINK', key)
  return true
end

for i = 6, #KEYS do
  if tonumber(ARGV[i]) >= ledger.time or not let_go(KEYS[i]) then break end
  ledger.lookup_horizon = math.max(ledger.lookup_horizon, tonumber(ARGV[i]))
end
if ARGV[5] == '1' then
  local older = 1 - ledger.gen
  if let_go(KEYS[4 + older]) then ledger.gen = older end
end
redis.call('HSET', KEYS[2], 'm', integer(ledger.lookup_horizon), 'dropped', integer(ledger.evicted_up_to), 'gen', integer(ledger.gen))
return head(ledger)
