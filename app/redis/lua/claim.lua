#!lua flags=allow-oom
-- Claims a server that an older release used without writing an owner. The marker of the epoch, which exists only
-- in this ledger's MySQL, proves that the keys belong to this ledger. Without it, nothing changes.
-- KEYS[1] fence  KEYS[2] ledger of the epoch  KEYS[3] owner
-- ARGV[1] epoch  ARGV[2] 'keeper'  ARGV[3] replid  ARGV[4] ledger identity  ARGV[5] marker of the epoch
-- Returns 1 if the server now belongs to this ledger, 0 if not.
--@include prologue
--@include owner

local refused = other_server()
if refused then return redis.error_reply(refused) end
refused = owner_refusal()
if not refused then return 1 end
if refused == 'REFUSED foreign' or redis.call('HGET', KEYS[2], 'marker') ~= ARGV[5] then return 0 end
redis.call('SET', KEYS[3], ARGV[4])
return 1
