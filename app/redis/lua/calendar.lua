#!lua flags=allow-oom
-- Sets the business calendar that windows of limits follow. A calendar that was read from MySQL earlier than the current
-- one, for example in a late call, changes nothing.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] owner
-- ARGV[1] epoch  ARGV[2] 'keeper'  ARGV[3] replid  ARGV[4] ledger identity  ARGV[5] calendar (includes/limits.lua)
-- Returns head.
--@include prologue
--@include owner

local ledger, refused = enter_as_keeper()
if not ledger then return refused end
local current = redis.call('HGET', KEYS[2], 'calendar')
if not current or (struct.unpack('<d', ARGV[5])) > (struct.unpack('<d', current)) then
  redis.call('HSET', KEYS[2], 'calendar', ARGV[5])
end
return head(ledger)
