#!lua flags=no-writes
-- Reads accounts.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] accounts
-- ARGV[1] epoch  ARGV[2] pod id  ARGV[3] replid  ARGV[4..] account ids (none: only the head is returned)
-- Returns head, then per id either a zero byte, or a byte with the length of the account, and the account
--   (includes/layout.lua).
--@include prologue
--@include layout
--@include extension

local ledger, refused = enter()
if not ledger then return refused end
if #ARGV == 3 then return head(ledger) end
local found = redis.call('HMGET', KEYS[3], unpack(ARGV, 4))
local parts = {}
for i = 1, #found do parts[i] = sized(found[i]) end
return head(ledger) .. table.concat(parts)
