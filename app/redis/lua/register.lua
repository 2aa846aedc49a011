#!lua flags=allow-oom
-- Registers a pod to run scripts in this epoch until it is retired, and stops or releases the ledger in Redis as
-- recorded in MySQL. A pod that is already registered may repeat the call at any time.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] owner
-- ARGV[1] epoch  ARGV[2] pod id  ARGV[3] replid  ARGV[4] ledger identity
-- ARGV[5] marker that the keys must have  ARGV[6] how often the ledger was stopped or released, according to MySQL; the
--   highest number wins, so that a late call undoes nothing
-- Returns head.
--@include prologue
--@include owner

local refused = server_refusal()
if refused then return redis.error_reply(refused) end
-- Keys that were lost and then created again by a late activation do not have the marker of the epoch.
local marker = redis.call('HGET', KEYS[2], 'marker')
if marker ~= ARGV[5] then return redis.error_reply('REFUSED lost') end
refused = owner_refusal()
if refused == 'REFUSED foreign' then return redis.error_reply(refused) end
local state = redis.call('HGET', KEYS[2], 'pod:' .. ARGV[2])
if state == 'retired' then return redis.error_reply('REFUSED retired') end
-- The marker proves that these keys belong to this ledger. They have no owner if an older release created them.
if refused then redis.call('SET', KEYS[3], ARGV[4]) end
if not state then redis.call('HSET', KEYS[2], 'pod:' .. ARGV[2], 'live') end
if tonumber(ARGV[6]) > number_of(redis.call('HGET', KEYS[2], 'stops')) then redis.call('HSET', KEYS[2], 'stops', ARGV[6]) end
local ledger = enter()
return head(ledger)
