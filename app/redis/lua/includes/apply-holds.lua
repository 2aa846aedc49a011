-- The part of apply.lua that handles hold items. It runs only if a call has some, so that other calls are not slowed
-- down. It sets decide_hold, pack_hold and changed_holds.
local found = redis.call('HMGET', KEYS[#KEYS], unpack(hold_ids))
local holds = {}
for i = 1, #found do
  if found[i] then
    local amount, captured, expires, revision, status, modified, currency, seq, account, destination, next =
      struct.unpack(HOLD, found[i])
    local counted_at, day, month = 0, 0, 0
    if next <= #found[i] then counted_at, day, month = struct.unpack(COUNTED, found[i], next) end
    holds[hold_ids[i]] = {
      amount = amount, captured = captured, expires = expires, revision = revision, status = status,
      modified = modified, currency = currency, seq = seq, account = account, destination = destination,
      counted_at = counted_at, day = day, month = month,
    }
  end
end
function pack_hold(hold)
  local packed = struct.pack(HOLD, hold.amount, hold.captured, hold.expires, hold.revision, hold.status, 1, hold.currency,
    hold.seq, hold.account, hold.destination)
  return hold.counted_at == 0 and packed or packed .. struct.pack(COUNTED, hold.counted_at, hold.day, hold.month)
end

-- Returns why an item is not decided, or nil.
local function undecided_hold(item, hold)
  if item.known then return bare_hold(REPLAYED, 0, item.known) end
  if in_call[item.id] then return bare_hold(SAME_CALL, 0, in_call[item.id]) end
  if not item.looked_up then return bare_hold(NEEDS_LOOKUP, 0, 0) end
  if item.looked_up == AHEAD then return bare_hold(AHEAD, 0, 0) end
  local missing = account_at(item.source) and 0 or 1
  if item.destination > 0 and not account_at(item.destination) then missing = missing + 2 end
  if item.op ~= PLACE and not hold then missing = missing + 4 end
  if missing > 0 then return bare_hold(MISSING, missing, 0) end
  if item.op == PLACE then return nil end
  local other = hold.account ~= item.account_id or hold.currency ~= item.currency
    or (item.op == CAPTURE and hold.destination ~= '' and hold.destination ~= item.destination_id)
  return other and bare_hold(MISSING, 8, 0) or nil
end

function decide_hold(item, index)
  local hold = item.op ~= PLACE and holds[item.hold_id] or nil
  item.account_id = ARGV[account_base + item.source]
  item.destination_id = item.destination > 0 and ARGV[account_base + item.destination] or ''
  local why = undecided_hold(item, hold)
  if why then return why end
  local account = account_at(item.source)
  local destination = item.destination > 0 and account_at(item.destination) or nil
  local limited = needs_windows(item, hold, account, destination)
  if limited and not call_windows() then
    return bare_hold(unwindowed, 0, hold and hold.modified == 1 and hold.seq or 0, hold)
  end
  local refusal, after, by, moved = step(item, hold, account, destination, ledger.time)
  if is_clock_unsure(item, hold, refusal, ledger.time) then
    return bare_hold(CLOCK_UNSURE, 0, hold and hold.modified == 1 and hold.seq or 0, hold)
  end
  if not refusal then return bare_hold(UNCHANGED, 0, hold.modified == 1 and hold.seq or 0, hold) end
  local limit, value, remaining = 0, 0, 0
  if refusal == 0 and limited then
    limit, value, remaining = refusing_hold(after, by, moved, account, destination, windows)
    if limit > 0 then refusal = LIMIT_EXCEEDED end
  end
  local seq = 0
  -- A refused change, void or expiry is not an outcome.
  if refusal == 0 or item.op == PLACE or item.op == CAPTURE then
    seq = ledger.seq + 1
    ledger.seq = seq
    take_id(item, index, seq)
  end
  if refusal > 0 then
    return struct.pack(RECORD, REJECTED, refusal, 0, 0, value or 0, remaining or 0, limit, 0, seq)
      .. hold_after(hold or NO_HOLD, 0, 0, asked_of(item, hold), 0, 0)
  end
  local day_change, month_change =
    count_hold(after, account.limits, hold and hold.amount - hold.captured or 0, by, moved, windows, ledger.time)
  after.seq, after.modified = seq, 1
  holds[item.hold_id] = after
  changed_holds[item.hold_id] = after
  set_held(account, (account.held or 0) + by)
  account.balance = account.balance - moved
  account.version = account.version + 1
  account.seq = seq
  changed[item.source] = account
  local balance, version, settings, counted = 0, 0, 0, 0
  if item.op == CAPTURE then
    if destination.limits then counted = count_both(nil, destination.limits, moved, windows) end
    destination.balance = destination.balance + moved
    destination.version = destination.version + 1
    destination.seq = seq
    changed[item.destination] = destination
    balance, version, settings = destination.balance, destination.version, destination.settings
  end
  return struct.pack(RECORD, POSTED, counted, account.balance, account.version, balance, version, account.settings, settings,
    seq) .. hold_after(after, account.held or 0, by, moved, day_change, month_change)
end
