#!lua flags=allow-oom
-- Begins an epoch on this server, once: sets the fence, and creates marker, M and seq 0 under keys that carry the epoch.
-- KEYS[1] fence  KEYS[2] ledger of the new epoch
-- ARGV[1] epoch  ARGV[2] 'keeper'  ARGV[3] replid  ARGV[4] marker to create  ARGV[5] M
-- Returns the marker that stands: another keeper may have activated the same epoch before, and died; nothing is created
--   twice.
local info = redis.call('INFO', 'replication')
if not string.find(info, 'role:master', 1, true) then return redis.error_reply('REFUSED demoted') end
if not string.find(info, 'master_replid:' .. ARGV[3], 1, true) then return redis.error_reply('REFUSED other_server') end
local fence = tonumber(redis.call('GET', KEYS[1]) or '-1')
if fence > tonumber(ARGV[1]) then return redis.error_reply('REFUSED fenced') end
local marker = redis.call('HGET', KEYS[2], 'marker')
if fence == tonumber(ARGV[1]) and marker then return marker end
redis.call('SET', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[2], 'marker', ARGV[4], 'm', ARGV[5], 'seq', '0', 'cursor', '0', 'dropped', '0', 'gen', '0')
return ARGV[4]
