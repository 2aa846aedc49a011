-- The part of apply.lua that handles the legs of transfers between shards. It runs only if a call has legs, so that other
-- calls are not slowed down. It sets decide_leg. The rules are the same as in app/domain/leg-rules.ts; a test compares
-- them over random histories.
local OUT, IN = 1, 2
-- The order in which the rules check a transfer, like REFUSAL_ORDER in app/domain/crossing.ts.
local RANK = {
  [CURRENCY_MISMATCH] = 1, [ACCOUNT_CLOSED] = 2, [ACCOUNT_FROZEN] = 3, [ACCOUNT_SUSPENDED] = 4, [INSUFFICIENT_FUNDS] = 5,
  [OUT_OF_RANGE] = 6, [LIMIT_EXCEEDED] = 7,
}
local INACTIVE, FULL = 1, 2

-- Stands for the transit account in the rules: an account that allows everything.
local function unrestricted(currency)
  return { currency = currency, status = ACTIVE, balance = 0, overdraft = 0, external = 1 }
end

-- Why the rules refuse `out`, or 0, and the limit that refuses it. `carried`: the refusal by the other shard, its limit, the
-- value of the limit, and what is left of it.
local function refusing_out(item, source, windows, carried)
  local refusal, limit, value, remaining = refusal_of(source, unrestricted(item.currency), item.amount, item.currency), 0, 0, 0
  if refusal == 0 and windows and source.limits then
    limit, value, remaining = limit_rules.refusing_debit(source.limits, item.amount, item.amount, windows)
    if limit > 0 then refusal = LIMIT_EXCEEDED end
  end
  if carried[1] > 0 and (refusal == 0 or RANK[carried[1]] < RANK[refusal]) then return unpack(carried) end
  return refusal, limit, value, remaining
end

local function refusing_in(item, destination, windows)
  local refusal = refusal_of(unrestricted(item.currency), destination, item.amount, item.currency)
  if refusal > 0 or not windows or not destination.limits then return refusal, 0, 0, 0 end
  local limit, value, remaining = limit_rules.refusing_credit(destination.limits, destination.balance, item.amount, windows)
  return limit > 0 and LIMIT_EXCEEDED or 0, limit, value, remaining
end

-- Returned money is accepted whatever the limits of an account, and whatever its status unless it is closed.
local function refusing_return(item, destination)
  if destination.status == CLOSED then return ACCOUNT_CLOSED, 0, 0, 0 end
  return destination.balance + item.amount > EXACT_MAX and OUT_OF_RANGE or 0, 0, 0, 0
end

-- Why the transit account cannot be used, or nil.
local function transit_refusal(item, transit, change)
  if transit.status ~= ACTIVE or transit.currency ~= item.currency then return INACTIVE end
  local after = transit.balance + change
  if after > EXACT_MAX or after < -EXACT_MAX then return FULL end
  return nil
end

function decide_leg(item, index)
  if item.known then return bare(REPLAYED, 0, item.known) end
  if in_call[item.id] then return bare(SAME_CALL, 0, in_call[item.id]) end
  if not item.looked_up then return bare(NEEDS_LOOKUP, 0, 0) end
  if item.looked_up ~= true then return bare(item.looked_up, 0, 0) end
  local source, destination = account_at(item.source), account_at(item.destination)
  if not source or not destination then
    return bare(MISSING, (source and 0 or 1) + (destination and 0 or 2), 0)
  end
  local leg, carried, carried_limit, carried_value, carried_remaining, counted_at =
    struct.unpack('<BBBddd', packed, item.at)
  local windows, unwindowed
  if leg <= IN and limit_rules and limit_rules.apply_to(item, source, destination) then
    windows, unwindowed = limit_rules.windows()
    if unwindowed then return bare(unwindowed, 0, 0) end
  end

  local refusal, limit, value, remaining
  local transit, transit_change = source, 0 - item.amount
  if leg == OUT then
    refusal, limit, value, remaining =
      refusing_out(item, source, windows, { carried, carried_limit, carried_value, carried_remaining })
    transit, transit_change = destination, item.amount
  elseif leg == IN then
    refusal, limit, value, remaining = refusing_in(item, destination, windows)
  else
    refusal, limit, value, remaining = refusing_return(item, destination)
  end
  local unavailable = refusal == 0 and transit_refusal(item, transit, transit_change) or nil
  if unavailable then return bare(TRANSIT, unavailable, 0) end

  local seq = ledger.seq + 1
  ledger.seq = seq
  take_id(item, index, seq)
  if refusal > 0 then return struct.pack(RECORD, REJECTED, refusal, 0, 0, value, remaining, limit, 0, seq) end
  local counted = windows and limit_rules.count_both(source.limits, destination.limits, item.amount, windows) or 0
  if counted_at > 0 and destination.limits then
    limit_rules.give_back(destination.limits, counted_at, item.amount, item.amount)
  end
  source.balance = source.balance - item.amount
  source.version = source.version + 1
  destination.balance = destination.balance + item.amount
  destination.version = destination.version + 1
  changed[item.source] = seq
  changed[item.destination] = seq
  return struct.pack(RECORD, POSTED, counted, source.balance, source.version, destination.balance, destination.version,
    source.settings, destination.settings, seq)
end
