-- Prologue of every script, including reads. A script may change or return something only on the server of this epoch,
-- and only for a pod that is not retired: a demoted server keeps its script cache, a resumed old master still answers,
-- and a retired pod may resume.
-- KEYS[1] fence    KEYS[2] ledger
-- ARGV[1] epoch of the fence    ARGV[2] pod id, or 'keeper'    ARGV[3] master_replid of the epoch's server
-- Refusals are error replies that begin with REFUSED: nothing was written.
local function number_of(text)
  return tonumber(text or '0') or 0
end

local function other_server()
  local info = redis.call('INFO', 'replication')
  if not string.find(info, 'role:master', 1, true) then return 'REFUSED demoted' end
  if not string.find(info, 'master_replid:' .. ARGV[3], 1, true) then return 'REFUSED other_server' end
  return nil
end

local function server_refusal()
  local refused = other_server()
  if refused then return refused end
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'REFUSED fenced' end
  return nil
end

-- The time of a call, ms: this server's clock, but never earlier than a time that the ledger has already used.
local function time_from(floor)
  local clock = redis.call('TIME')
  return math.max(floor, clock[1] * 1000 + math.floor(clock[2] / 1000))
end

-- The ledger's counters, or nil and the refusal. In the hash, 'm' is the lookup horizon, and 'dropped' is the seq up to
-- which accounts and ids were evicted: epochs that older releases began use these names. `time` is the time of this
-- call, `time_floor` the latest time stored. `is_stopped`: an operator has stopped the ledger; scripts then write no
-- outcome. 'stops' counts the stops and releases, as in MySQL: odd while stopped.
local function enter()
  local refused = server_refusal()
  if refused then return nil, redis.error_reply(refused) end
  local f = redis.call('HMGET', KEYS[2], 'seq', 'cursor', 'm', 'dropped', 'gen', 'time', 'pod:' .. ARGV[2], 'stops')
  if not f[1] then return nil, redis.error_reply('REFUSED lost') end
  if ARGV[2] ~= 'keeper' and f[7] ~= 'live' then
    return nil, redis.error_reply(f[7] and 'REFUSED retired' or 'REFUSED unregistered')
  end
  local time_floor = number_of(f[6])
  return {
    seq = tonumber(f[1]), cursor = number_of(f[2]), lookup_horizon = number_of(f[3]), evicted_up_to = number_of(f[4]),
    gen = number_of(f[5]), time_floor = time_floor, time = time_from(time_floor),
    is_stopped = number_of(f[8]) % 2 == 1,
  }, nil
end

-- The head of every packed reply: highest seq, published cursor, lookup horizon, evicted up to, time of the call.
local function head(ledger)
  return struct.pack('<ddddd', ledger.seq, ledger.cursor, ledger.lookup_horizon, ledger.evicted_up_to, ledger.time)
end

-- Counters are stored as plain decimal integers: exact up to 2^53.
local function integer(value)
  return string.format('%.0f', value)
end

-- Ids that Redis remembers. A UUIDv7 later than the lookup horizon is in the bucket of its time, and Redis alone decides it;
-- any other id is in one of two generations of "other" ids, and counts as new only after a lookup in MySQL whose
-- cursor is not below the seq up to which ids were evicted. Every hash of ids has the highest seq in it under '#', which is
-- not a valid id. The caller sends the place of each id: 0 for "other", p for the bucket KEYS[first_bucket + p - 1]. A
-- UUIDv7 further ahead of the ledger's time than AHEAD_MAX, ms, is rejected, so that no id can raise the lookup horizon, and
-- with it the number of lookups in MySQL, beyond this limit. AHEAD_MAX equals ID_AHEAD_MS_MAX in app/domain/ids.ts.
local AHEAD_MAX = 60000
local function in_bucket(ledger, place, time)
  return place > 0 and time > ledger.lookup_horizon
end
