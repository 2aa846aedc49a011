#!lua flags=no-writes
-- Reads holds.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] holds
-- ARGV[1] epoch  ARGV[2] pod id  ARGV[3] replid  ARGV[4..] hold ids
-- Returns { head, then per id the hold (includes/holds.lua), or '' }.
--@include prologue

local ledger, refused = enter()
if not ledger then return refused end
local found = redis.call('HMGET', KEYS[3], unpack(ARGV, 4))
for i = 1, #found do found[i] = found[i] or '' end
table.insert(found, 1, head(ledger))
return found
