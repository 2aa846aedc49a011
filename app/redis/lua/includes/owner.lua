-- Checks which ledger owns this server. Two ledgers with the same key prefix would fence off and delete each other's
-- journal, so every script that begins, moves or ends an epoch checks the owner first. Like the fence, the owner survives
--   epochs. KEYS[3] owner ARGV[4] identity of the caller's ledger
local function owner_refusal()
  local owner = redis.call('GET', KEYS[3])
  if owner == ARGV[4] then return nil end
  -- `unclaimed`: the server has no owner, because older releases wrote none.
  return owner and 'REFUSED foreign' or 'REFUSED unclaimed'
end

-- Returns the ledger's counters for a keeper, or nil and the refusal.
local function enter_as_keeper()
  local ledger, refused = enter()
  if not ledger then return nil, refused end
  local foreign = owner_refusal()
  if foreign then return nil, redis.error_reply(foreign) end
  return ledger, nil
end
