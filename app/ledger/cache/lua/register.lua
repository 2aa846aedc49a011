#!lua flags=allow-oom
-- Lets a pod run scripts in this epoch; for good until it is retired.
-- KEYS[1] fence  KEYS[2] ledger
-- ARGV[1] epoch  ARGV[2] pod id  ARGV[3] replid  ARGV[4] marker that the keys must carry, or ''
-- Returns head.
--@include prologue

local refused = server_refusal()
if refused then return redis.error_reply(refused) end
-- Keys that were lost, and made anew by an activation that came late, are not those of the epoch.
local marker = redis.call('HGET', KEYS[2], 'marker')
if not marker or (ARGV[4] ~= '' and ARGV[4] ~= marker) then return redis.error_reply('REFUSED lost') end
local state = redis.call('HGET', KEYS[2], 'pod:' .. ARGV[2])
if state == 'retired' then return redis.error_reply('REFUSED retired') end
if not state then redis.call('HSET', KEYS[2], 'pod:' .. ARGV[2], 'live') end
local ledger = enter()
return head(ledger)
