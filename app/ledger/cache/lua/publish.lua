#!lua flags=allow-oom
-- Tells how far the journal is committed in MySQL (the maximum wins), and trims what nobody needs any more.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] journal
-- ARGV[1] epoch  ARGV[2] 'keeper'  ARGV[3] replid  ARGV[4] committed cursor  ARGV[5] highest seq that may be trimmed
-- Returns head.
--@include prologue

local ledger, refused = enter()
if not ledger then return refused end
local cursor = tonumber(ARGV[4])
if cursor > ledger.seq then return redis.error_reply('REFUSED cursor_ahead') end
if cursor > ledger.cursor then
  ledger.cursor = cursor
  redis.call('HSET', KEYS[2], 'cursor', integer(cursor))
end
local trim = math.min(tonumber(ARGV[5]), ledger.cursor)
if trim > 0 then redis.call('XTRIM', KEYS[3], 'MINID', '~', integer(trim + 1) .. '-0') end
return head(ledger)
