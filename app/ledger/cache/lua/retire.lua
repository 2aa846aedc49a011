#!lua flags=allow-oom
-- Marks a pod as retired, for good: no script of it runs in this epoch again. Its registration in MySQL may go once the
-- cursor has passed the seq in the head.
-- KEYS[1] fence  KEYS[2] ledger
-- ARGV[1] epoch  ARGV[2] 'keeper'  ARGV[3] replid  ARGV[4] pod id
-- Returns head.
--@include prologue

local ledger, refused = enter()
if not ledger then return refused end
redis.call('HSET', KEYS[2], 'pod:' .. ARGV[4], 'retired')
return head(ledger)
