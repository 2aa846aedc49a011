#!lua
-- Installs accounts from MySQL in Redis; at the limit, evicts clean accounts, the least recently used first.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] accounts
-- ARGV[1] epoch  ARGV[2] pod id  ARGV[3] replid  ARGV[4] cursor of the snapshot in which the accounts were read
-- ARGV[5] maximum number of accounts  ARGV[6] latest time at which one of the accounts was changed, ms: the ledger's
--   time continues from there, so that times never decrease on an account, whichever store decided before
-- ARGV[7..] pairs: account id, account (includes/layout.lua, its seq is set here)
-- Returns head, number evicted d, then per account a zero byte (no space, because all accounts are dirty) or a byte with
--   the length of the current account, and the account: an account that Redis already has is left unchanged. `STALE` if
--   the snapshot is older than what Redis has evicted.
--@include prologue
--@include layout
--@include extension

local ledger, refused = enter()
if not ledger then return refused end
-- Example: pod P reads account A at version 5 and pauses. Pod Q loads A and moves it to version 6, which is flushed and
-- evicted. P must not install version 5.
if tonumber(ARGV[4]) < ledger.evicted_up_to then return redis.error_reply('STALE snapshot') end

-- The time is stored even while the clock is ahead of it, because the clock may be set back.
local latest = tonumber(ARGV[6])
if latest > ledger.time_floor then
  redis.call('HSET', KEYS[2], 'time', integer(latest))
  ledger.time = math.max(ledger.time, latest)
end

local count = (#ARGV - 6) / 2
local wanted, ids = {}, {}
for i = 1, count do
  ids[i] = ARGV[5 + 2 * i]
  wanted[ids[i]] = true
end
local present = redis.call('HMGET', KEYS[3], unpack(ids))
local missing = 0
for i = 1, count do
  if not present[i] then missing = missing + 1 end
end

local SAMPLES_MAX = 20
local function evict(needed)
  local evicted = 0
  for _ = 1, SAMPLES_MAX do
    if evicted >= needed then break end
    local sample = redis.call('HRANDFIELD', KEYS[3], math.min(16 + 4 * (needed - evicted), 512), 'WITHVALUES')
    local clean = {}
    for i = 1, #sample, 2 do
      local _, _, _, _, _, _, modified, _, seq = struct.unpack(ACCOUNT, sample[i + 1])
      if not wanted[sample[i]] and (modified == 0 or seq <= ledger.cursor) then
        clean[#clean + 1] = { sample[i], modified, seq }
      end
    end
    table.sort(clean, function(a, b) return a[3] < b[3] end)
    local gone = {}
    for i = 1, math.min(needed - evicted, math.ceil(#clean / 2)) do
      gone[i] = clean[i][1]
      if clean[i][2] == 1 then ledger.evicted_up_to = math.max(ledger.evicted_up_to, clean[i][3]) end
    end
    if #gone > 0 then redis.call('HDEL', KEYS[3], unpack(gone)) end
    evicted = evicted + #gone
  end
  return evicted
end

local evicted_before = ledger.evicted_up_to
local size = redis.call('HLEN', KEYS[3])
local room = tonumber(ARGV[5]) - size
local evicted = 0
if room < missing then
  -- If the limit was lowered, more accounts must be evicted than installed.
  evicted = evict(missing - room)
  room = tonumber(ARGV[5]) - size + evicted
  if ledger.evicted_up_to > evicted_before then redis.call('HSET', KEYS[2], 'dropped', integer(ledger.evicted_up_to)) end
end

local fields, parts = {}, {}
for i = 1, count do
  local blob = present[i]
  if not blob and room > 0 then
    room = room - 1
    blob = string.sub(ARGV[6 + 2 * i], 1, 34) .. struct.pack('<d', ledger.seq) .. extension_of(ARGV[6 + 2 * i])
    fields[#fields + 1] = ids[i]
    fields[#fields + 1] = blob
  end
  parts[i] = sized(blob)
end
if #fields > 0 then redis.call('HSET', KEYS[3], unpack(fields)) end
return head(ledger) .. struct.pack('<d', evicted) .. table.concat(parts)
