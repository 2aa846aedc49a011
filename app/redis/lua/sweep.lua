#!lua flags=allow-oom
-- Deletes keys of ended epochs, of this ledger only.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] owner  KEYS[4..] keys to delete
-- ARGV[1] minimum epoch of the fence  ARGV[2] 'keeper'  ARGV[3] replid  ARGV[4] ledger identity
-- Returns the number of keys that existed.
--@include prologue
--@include owner

local refused = other_server() or owner_refusal()
if refused then return redis.error_reply(refused) end
if number_of(redis.call('GET', KEYS[1])) < tonumber(ARGV[1]) then return redis.error_reply('REFUSED fenced') end
local swept = 0
for i = 4, #KEYS do swept = swept + redis.call('UNLINK', KEYS[i]) end
return swept
