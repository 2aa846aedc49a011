#!lua flags=no-writes
-- Returns the ledger that owns this server; any caller may ask.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] owner
-- ARGV[1] epoch  ARGV[2] 'keeper'  ARGV[3] replid
-- Returns { owner, or '' for none; fence, or '' for none }.
--@include prologue

local refused = other_server()
if refused then return redis.error_reply(refused) end
return { redis.call('GET', KEYS[3]) or '', redis.call('GET', KEYS[1]) or '' }
