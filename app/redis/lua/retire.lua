#!lua flags=allow-oom
-- Marks a pod as retired, permanently: none of its scripts runs in this epoch again. Its registration in MySQL may be
-- removed once the cursor has passed the seq in the head.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] owner
-- ARGV[1] epoch  ARGV[2] 'keeper'  ARGV[3] replid  ARGV[4] ledger identity  ARGV[5] pod id
-- Returns head.
--@include prologue
--@include owner

local ledger, refused = enter_as_keeper()
if not ledger then return refused end
redis.call('HSET', KEYS[2], 'pod:' .. ARGV[5], 'retired')
return head(ledger)
