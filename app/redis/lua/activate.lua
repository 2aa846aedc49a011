#!lua flags=allow-oom
-- Begins an epoch on this server, once: sets the fence, and creates the marker, the lookup horizon and seq 0 under keys
-- that contain the epoch.
-- KEYS[1] fence  KEYS[2] ledger of the new epoch  KEYS[3] owner
-- ARGV[1] epoch  ARGV[2] 'keeper'  ARGV[3] replid  ARGV[4] ledger identity  ARGV[5] marker to create
-- ARGV[6] lookup horizon
-- Returns the existing marker if another keeper has activated the same epoch before, for example one that crashed;
-- nothing is created twice.
--@include prologue
--@include owner
--@include claim-free

local refused = other_server() or owner_refusal_or_claim()
if refused then return redis.error_reply(refused) end
local fence = tonumber(redis.call('GET', KEYS[1]) or '-1')
if fence > tonumber(ARGV[1]) then return redis.error_reply('REFUSED fenced') end
local marker = redis.call('HGET', KEYS[2], 'marker')
if fence == tonumber(ARGV[1]) and marker then return marker end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[2], 'marker', ARGV[5], 'm', ARGV[6], 'seq', '0', 'cursor', '0', 'dropped', '0', 'gen', '0')
return ARGV[5]
