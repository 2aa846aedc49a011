#!lua flags=allow-oom
-- Makes the caller the owner of this server, whoever owned it before, because an operator has decided this. The
-- caller's epoch is already above the fence, so the next activation fences off and deletes the keys of the former
-- owner.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] owner
-- ARGV[1] observed fence, or ''  ARGV[2] 'keeper'  ARGV[3] replid  ARGV[4] ledger identity
-- ARGV[5] observed owner, or ''
-- Returns 1; 0 if owner or fence have changed since they were read.
--@include prologue

local refused = other_server()
if refused then return redis.error_reply(refused) end
if (redis.call('GET', KEYS[3]) or '') ~= ARGV[5] or (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[3], ARGV[4])
return 1
