#!lua flags=allow-oom
-- Raises the fence: from here on no script of an earlier epoch runs on this server. It only grows.
-- KEYS[1] fence
-- ARGV[1] epoch to raise it to  ARGV[2] 'keeper'  ARGV[3] replid
-- Returns the fence as it stands now.

local info = redis.call('INFO', 'replication')
if not string.find(info, 'role:master', 1, true) then return redis.error_reply('REFUSED demoted') end
if not string.find(info, 'master_replid:' .. ARGV[3], 1, true) then return redis.error_reply('REFUSED other_server') end
local fence = tonumber(redis.call('GET', KEYS[1]) or '-1')
if tonumber(ARGV[1]) > fence then
  redis.call('SET', KEYS[1], ARGV[1])
  return ARGV[1]
end
return redis.call('GET', KEYS[1])
