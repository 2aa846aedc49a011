#!lua flags=no-writes
-- Reads the journal. The fence's epoch (ARGV[1]) may be later than the epoch of the keys: this allows an old journal to
-- be read to its end after its fence was raised.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] owner  KEYS[4] journal
-- ARGV[1] epoch of the fence  ARGV[2] 'keeper'  ARGV[3] replid  ARGV[4] ledger identity
-- ARGV[5] seq after which to read  ARGV[6] maximum number of entries
-- Returns { head, marker, entries }: entries in order; the first one begins with the next seq. Fewer than the maximum
-- if they are large: an entry may be nearly 1 MB, and the reader has to hold the whole reply.
--@include prologue
--@include owner

local BYTES_MAX = 4 * 1024 * 1024
local READ_MAX = 20

local ledger, refused = enter_as_keeper()
if not ledger then return refused end
local entries, bytes, most = {}, 0, tonumber(ARGV[6])
local from = integer(tonumber(ARGV[5]) + 1) .. '-0'
while #entries < most and bytes < BYTES_MAX do
  local count = math.min(READ_MAX, most - #entries)
  local some = redis.call('XRANGE', KEYS[4], from, '+', 'COUNT', count)
  for _, entry in ipairs(some) do
    bytes = bytes + #entry[2][4]
    if bytes > BYTES_MAX and #entries > 0 then break end
    entries[#entries + 1] = entry
  end
  if #some < count then break end
  from = '(' .. entries[#entries][1]
end
return { head(ledger), redis.call('HGET', KEYS[2], 'marker'), entries }
