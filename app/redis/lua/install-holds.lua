#!lua
-- Installs holds from MySQL in Redis, in any state.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] holds
-- ARGV[1] epoch  ARGV[2] pod id  ARGV[3] replid  ARGV[4] cursor of the snapshot in which the holds were read
-- ARGV[5..] pairs: hold id, hold (includes/holds.lua, its seq is set here)
-- Returns { head, then per pair the current hold }: a hold that Redis already has is left unchanged. `STALE` if the
--   snapshot is older than what Redis has evicted, as for accounts.
--@include prologue

local ledger, refused = enter()
if not ledger then return refused end
if tonumber(ARGV[4]) < ledger.evicted_up_to then return redis.error_reply('STALE snapshot') end

-- The seq follows amount, captured, expires at, revision, status, modified and currency.
local SEQ_AT = 34
local ids, fields = {}, {}
for i = 5, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
local present = redis.call('HMGET', KEYS[3], unpack(ids))
for i = 1, #ids do
  if not present[i] then
    local blob = ARGV[4 + 2 * i]
    present[i] = string.sub(blob, 1, SEQ_AT - 1) .. struct.pack('<d', ledger.seq) .. string.sub(blob, SEQ_AT + 8)
    fields[#fields + 1] = ids[i]
    fields[#fields + 1] = present[i]
  end
end
-- WRITES
if #fields > 0 then redis.call('HSET', KEYS[3], unpack(fields)) end
table.insert(present, 1, head(ledger))
return present
