#!lua flags=allow-oom
-- Evicts clean holds, those in a final state first, until at most the maximum number is left; each call considers only
-- one random sample of the holds.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] owner  KEYS[4] holds
-- ARGV[1] epoch  ARGV[2] 'keeper'  ARGV[3] replid  ARGV[4] ledger identity  ARGV[5] maximum number of holds
-- Returns head, number evicted d, number left d.
--@include prologue
--@include owner

local ledger, refused = enter_as_keeper()
if not ledger then return refused end

local SAMPLE_MAX = 500
local size = redis.call('HLEN', KEYS[4])
local needed = math.min(size - tonumber(ARGV[5]), SAMPLE_MAX)
local gone = {}
if needed > 0 then
  local sample = redis.call('HRANDFIELD', KEYS[4], math.min(2 * needed, SAMPLE_MAX), 'WITHVALUES')
  local clean = {}
  for i = 1, #sample, 2 do
    local _, _, _, _, status, modified, _, seq = struct.unpack('<dddI4BBc3d', sample[i + 1])
    if modified == 0 or seq <= ledger.cursor then
      clean[#clean + 1] = { sample[i], modified == 1 and seq or 0, status == 0 and 1 or 0 }
    end
  end
  table.sort(clean, function(a, b) return a[3] < b[3] end)
  for i = 1, math.min(needed, #clean) do
    gone[i] = clean[i][1]
    ledger.evicted_up_to = math.max(ledger.evicted_up_to, clean[i][2])
  end
end
-- WRITES
if #gone > 0 then
  redis.call('HDEL', KEYS[4], unpack(gone))
  redis.call('HSET', KEYS[2], 'dropped', integer(ledger.evicted_up_to))
end
return head(ledger) .. struct.pack('<dd', #gone, size - #gone)
