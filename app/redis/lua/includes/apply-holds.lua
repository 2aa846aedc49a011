-- The part of apply.lua that handles hold items. It runs only if a call has hold items, so that other calls are not
-- slowed down. It sets decide_hold and changed_holds.
local hold_ids = {}
for i = 1, #items do
  local op = items[i].op
  if op and op ~= PLACE then hold_ids[#hold_ids + 1] = items[i].hold_id end
end
-- Kept packed, as they are stored, because a call uses most of its holds only once.
local holds = {}
if #hold_ids > 0 then
  local found = redis.call('HMGET', KEYS[#KEYS], unpack(hold_ids))
  for i = 1, #found do holds[hold_ids[i]] = found[i] or nil end
end

-- Returns the record of an item that cannot be decided because of its id, or nil.
local function undecided_id(item)
  if item.known then return unchanged(REPLAYED, 0, item.known) end
  if in_call[item.id] then return unchanged(SAME_CALL, 0, in_call[item.id]) end
  if not item.looked_up then return unchanged(NEEDS_LOOKUP, 0, 0) end
  if item.looked_up ~= true then return unchanged(item.looked_up, 0, 0) end
  return nil
end

function decide_hold(item, index)
  local why = undecided_id(item)
  if why then return why end
  local op, source, target, wanted, wanted_expires, wanted_revision, final, currency, pod_now =
    struct.unpack('<BHHdddBc3d', packed, item.at)
  local account, destination = account_at(source), target > 0 and account_at(target) or nil
  local hold = op ~= PLACE and holds[item.hold_id] or nil
  local missing = (account and 0 or 1) + ((target == 0 or destination) and 0 or 2) + ((hold or op == PLACE) and 0 or 4)
  if missing > 0 then return unchanged(MISSING, missing, 0) end
  local account_id, destination_id = ARGV[account_base + source], target > 0 and ARGV[account_base + target] or ''
  local now = ledger.time
  local amount, captured, expires, revision, status, at, day, month = 0, 0, wanted_expires, 0, OPEN, 0, 0, 0
  -- The seq that a caller has to wait for if nothing is written.
  local last_seq = 0
  if hold then
    local modified, hold_currency, seq, hold_account, hold_destination
    amount, captured, expires, revision, status, modified, hold_currency, seq, hold_account, hold_destination, at, day, month =
      unpack_hold(hold)
    if hold_account ~= account_id or hold_currency ~= currency
      or (op == CAPTURE and hold_destination ~= '' and hold_destination ~= destination_id) then
      return unchanged(MISSING, 8, 0)
    end
    destination_id = hold_destination
    if modified == 1 then last_seq = seq end
  end
  local left = status == OPEN and amount - captured or 0

  -- The limits of the account apply to newly held amounts; those of the destination apply to captures.
  local windows, unwindowed
  if limit_rules then
    local limited = account.limits and (op == PLACE or (op == CHANGE and wanted > amount))
    if op == CAPTURE then limited = destination.limits end
    if limited then
      windows, unwindowed = limit_rules.windows()
      if unwindowed then return unchanged(unwindowed, 0, last_seq, hold) end
    end
  end

  local refusal, new_amount, new_captured, new_expires, new_status, by, moved
  if op == PLACE then
    refusal, new_amount, new_captured, new_expires, new_status, by, moved =
      place(account, destination, currency, wanted, wanted_expires, now)
  elseif op == VOID then
    if status == OPEN then
      refusal, new_amount, new_captured, new_expires, new_status, by, moved = 0, amount, captured, expires, VOIDED, 0 - left, 0
    elseif status ~= VOIDED then
      refusal = HOLD_NOT_OPEN
    end
  elseif op == EXPIRE then
    if status == OPEN and now >= expires then
      refusal, new_amount, new_captured, new_expires, new_status, by, moved = 0, amount, captured, expires, EXPIRED, 0 - left, 0
    end
  -- From its expiry time on, a hold counts as expired, whether or not the journal contains the expiry yet.
  elseif status == EXPIRED or (status == OPEN and now >= expires) then
    refusal = HOLD_EXPIRED
  elseif status ~= OPEN then
    refusal = HOLD_NOT_OPEN
  elseif op == CAPTURE then
    refusal, new_amount, new_captured, new_expires, new_status, by, moved =
      capture(account, destination, amount, captured, expires, wanted, final)
  elseif revision ~= wanted_revision then
    refusal = HOLD_CHANGED
  else
    refusal, new_amount, new_captured, new_expires, new_status, by, moved =
      change(account, amount, captured, expires, wanted, wanted_expires, now)
  end
  -- No decision may depend on a hold that is due only because this server's clock is far ahead of the pod's.
  if (refusal == HOLD_EXPIRED or (op == EXPIRE and refusal == 0)) and status ~= EXPIRED
    and now >= expires and now - pod_now > CLOCK_AHEAD_MAX and pod_now < expires then
    return unchanged(CLOCK_UNSURE, 0, last_seq, hold)
  end
  if not refusal then return unchanged(UNCHANGED, 0, last_seq, hold) end
  local limit, value, remaining
  if refusal == 0 and windows then
    if by > 0 then
      limit, value, remaining = limit_rules.refusing_debit(account.limits, new_amount, by, windows)
    else
      limit, value, remaining = limit_rules.refusing_credit(destination.limits, destination.balance, moved, windows)
    end
    if limit > 0 then refusal = LIMIT_EXCEEDED end
  end

  local seq = 0
  -- A refused change, void or expiry is not an outcome.
  if refusal == 0 or op == PLACE or op == CAPTURE then
    seq = ledger.seq + 1
    ledger.seq = seq
    take_id(item, index, seq)
  end
  if refusal > 0 then
    -- A refused capture is recorded with the amount that it requests or, if it requests none, with what is left of the
    -- hold.
    local requested = op == CAPTURE and (wanted >= 0 and wanted or left) or 0
    return unchanged(REJECTED, refusal, seq, hold, requested, limit, value, remaining)
  end
  local day_change, month_change = 0, 0
  if at > 0 or account.limits then
    at, day, month, day_change, month_change = count_hold(account.limits, left, at, day, month, by, moved, windows, now)
  end
  hold = struct.pack(HOLD, new_amount, new_captured, new_expires, revision + 1, new_status, 1, currency, seq, account_id,
    destination_id)
  if at > 0 then hold = hold .. struct.pack(COUNTED, at, day, month) end
  holds[item.hold_id] = hold
  changed_holds[item.hold_id] = hold
  local held = (account.held or 0) + by
  -- An account without limits has an extension only while something is held.
  account.held = (held ~= 0 or account.limits) and held or nil
  account.balance = account.balance - moved
  account.version = account.version + 1
  changed[source] = seq
  local balance, version, settings, counted = 0, 0, 0, 0
  if op == CAPTURE then
    if windows then counted = limit_rules.count_both(nil, destination.limits, moved, windows) end
    destination.balance = destination.balance + moved
    destination.version = destination.version + 1
    changed[target] = seq
    balance, version, settings = destination.balance, destination.version, destination.settings
  end
  return struct.pack(HOLD_RECORD, POSTED, counted, account.balance, account.version, balance, version, account.settings,
    settings, seq, held, by, moved, new_amount, new_captured, new_expires, revision + 1, new_status, at, day, month,
    day_change, month_change)
end
