#!lua flags=no-writes
-- Reads the journal. The fence's epoch (ARGV[1]) may be later than the epoch of the keys: that is how an old journal is
-- read to its end after its fence was raised.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] owner  KEYS[4] journal
-- ARGV[1] epoch of the fence  ARGV[2] 'keeper'  ARGV[3] replid  ARGV[4] ledger identity
-- ARGV[5] last seq that is not wanted  ARGV[6] most entries
-- Returns { head, marker, entries }: entries in order, the first is the one that begins with the next seq.
--@include prologue
--@include owner

local ledger, refused = enter_as_keeper()
if not ledger then return refused end
local from = integer(tonumber(ARGV[5]) + 1) .. '-0'
return { head(ledger), redis.call('HGET', KEYS[2], 'marker'), redis.call('XRANGE', KEYS[4], from, '+', 'COUNT', ARGV[6]) }
