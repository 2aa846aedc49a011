#!lua flags=allow-oom
-- Publishes how far the journal is committed in MySQL (the maximum wins), and trims entries that are no longer needed.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] owner  KEYS[4] journal
-- ARGV[1] epoch  ARGV[2] 'keeper'  ARGV[3] replid  ARGV[4] ledger identity  ARGV[5] committed cursor
-- ARGV[6] highest seq that may be trimmed
-- Returns head.
--@include prologue
--@include owner

local ledger, refused = enter_as_keeper()
if not ledger then return refused end
local cursor = tonumber(ARGV[5])
if cursor > ledger.seq then return redis.error_reply('REFUSED cursor_ahead') end
if cursor > ledger.cursor then
  ledger.cursor = cursor
  redis.call('HSET', KEYS[2], 'cursor', integer(cursor))
end
local trim = math.min(tonumber(ARGV[6]), ledger.cursor)
if trim > 0 then redis.call('XTRIM', KEYS[4], 'MINID', '~', integer(trim + 1) .. '-0') end
return head(ledger)
