#!lua
-- Lowers the lookup horizon before anything is written in the epoch, if ids from the far future have raised it. The ids
-- that MySQL has beyond the new horizon are stored here instead. Once something has been written in the epoch, a call
-- changes nothing, so calls may be repeated or arrive late.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] owner  KEYS[4..] buckets of ids
-- ARGV[1] epoch  ARGV[2] 'keeper'  ARGV[3] replid  ARGV[4] ledger identity  ARGV[5] lookup horizon
-- ARGV[6..] pairs: place of the bucket in KEYS[4..], from 1, and an id (that of a change has the prefix '#'): every
--   UUIDv7 in MySQL whose time is later than the new horizon and not later than the old one
-- Returns head.
--@include prologue
--@include owner

local ledger, refused = enter_as_keeper()
if not ledger then return refused end
local horizon = tonumber(ARGV[5])
if ledger.seq > 0 or horizon >= ledger.lookup_horizon then return head(ledger) end
-- These ids are stored with seq 0, which counts as flushed, so their outcomes are looked up in MySQL.
for i = 6, #ARGV, 2 do
  local place = tonumber(ARGV[i])
  redis.call('HSET', KEYS[3 + place], ARGV[i + 1], '0', '#', '0')
end
redis.call('HSET', KEYS[2], 'm', integer(horizon))
ledger.lookup_horizon = horizon
return head(ledger)
