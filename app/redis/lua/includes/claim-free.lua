-- For scripts that may begin a ledger: a server without a fence has never held a ledger, so they claim it.
local function owner_refusal_or_claim()
  local refused = owner_refusal()
  if refused ~= 'REFUSED unclaimed' or redis.call('EXISTS', KEYS[1]) == 1 then return refused end
  redis.call('SET', KEYS[3], ARGV[4])
  return nil
end
