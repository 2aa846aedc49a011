-- Holds: their layout and rules, the same as app/domain/holds.ts and app/journal/hold-decision.ts; a test compares them
-- over random histories. This part runs only if a call has hold items.
--
-- A hold in Redis, little endian: amount d, captured d, expires at d, revision I4, status B, modified B, currency c3,
--   seq d, account s, destination s ('': none). `modified` and `seq` as for accounts. If windows have ever counted the
--   hold, three more fields follow: counted at d, the part of the remaining amount counted in that business day d, the
--   part counted in that month d
local HOLD, COUNTED = '<dddI4BBc3dss', '<ddd'
-- The record of a hold item: that of a transfer (includes/layout.lua), then: held after d, change of held d, amount
--   moved d, the hold's amount d, captured d, expires at d, revision I4, status B, counted at d, the part counted in
--   that day d, in that month d, change of the day's usage d, of the month's d
local HOLD_RECORD = '<BBddddI4I4dddddddI4Bddddd'
local OPEN, CAPTURED, VOIDED, EXPIRED = 0, 1, 2, 3
local PLACE, CAPTURE, CHANGE, VOID, EXPIRE = 1, 2, 3, 4, 5
local HOLD_NOT_ALLOWED, HOLD_NOT_OPEN, HOLD_EXPIRED, HOLD_EXCEEDED, HOLD_CHANGED = 33, 34, 35, 36, 64
local DEFAULT_MS, CLOCK_AHEAD_MAX = 604800000, 5000

-- The fields of a hold: amount, captured, expires at, revision, status, modified, currency, seq, account, destination, counted
-- at, counted in that day, in that month.
local function unpack_hold(hold)
  local amount, captured, expires, revision, status, modified, currency, seq, account, destination, position =
    struct.unpack(HOLD, hold)
  if position > #hold then
    return amount, captured, expires, revision, status, modified, currency, seq, account, destination, 0, 0, 0
  end
  return amount, captured, expires, revision, status, modified, currency, seq, account, destination,
    struct.unpack(COUNTED, hold, position)
end

-- The record of an item that has changed nothing. `moved` is the amount of a refused capture; `limit` is the limit that
-- refused the item, `value` its value, and `remaining` what remains of it.
local function unchanged(status, detail, seq, hold, moved, limit, value, remaining)
  local amount, captured, expires, revision, hold_status, at, day, month = 0, 0, 0, 0, OPEN, 0, 0, 0
  if hold then
    local _
    amount, captured, expires, revision, hold_status, _, _, _, _, _, at, day, month = unpack_hold(hold)
  end
  return struct.pack(HOLD_RECORD, status, detail, 0, 0, value or 0, remaining or 0, limit or 0, 0, seq, 0, 0, moved or 0, amount,
    captured, expires, revision, hold_status, at, day, month, 0, 0)
end

-- A sum here may exceed the exact range and be rounded. It is only compared, and rounding never brings it back into the
-- range.
local function raise_refusal(account, amount)
  local held = account.held or 0
  if account.balance - held - amount < -account.overdraft then return INSUFFICIENT_FUNDS end
  return held + amount > EXACT_MAX and OUT_OF_RANGE or 0
end

-- The rules of each item return a refusal, or nil if nothing changes, or 0 and: the amount, captured amount, expiry and status of
-- the hold after the item, the change of held, and the amount that moves.
local function place(account, destination, currency, amount, expires, now)
  if account.currency ~= currency or (destination and destination.currency ~= currency) then return CURRENCY_MISMATCH end
  if account.status == CLOSED or (destination and destination.status == CLOSED) then return ACCOUNT_CLOSED end
  if account.status == FROZEN then return ACCOUNT_FROZEN end
  if account.status == SUSPENDED then return ACCOUNT_SUSPENDED end
  if account.external == 1 then return HOLD_NOT_ALLOWED end
  if expires >= 0 and expires <= now then return HOLD_EXPIRED end
  local refusal = raise_refusal(account, amount)
  if refusal > 0 then return refusal end
  return 0, amount, 0, expires >= 0 and expires or now + DEFAULT_MS, OPEN, amount, 0
end

local function capture(account, destination, amount, captured, expires, wanted, final)
  if destination.currency ~= account.currency then return CURRENCY_MISMATCH end
  if destination.status == CLOSED then return ACCOUNT_CLOSED end
  if account.status == FROZEN or destination.status == FROZEN then return ACCOUNT_FROZEN end
  local left = amount - captured
  local moved = wanted >= 0 and wanted or left
  if moved > left then return HOLD_EXCEEDED end
  if destination.balance + moved > EXACT_MAX then return OUT_OF_RANGE end
  local last = final == 1 or moved == left
  return 0, amount, captured + moved, expires, last and CAPTURED or OPEN, 0 - (last and left or moved), moved
end

local function change(account, amount, captured, expires, wanted, wanted_expires, now)
  if account.status == FROZEN then return ACCOUNT_FROZEN end
  if wanted_expires >= 0 and wanted_expires <= now then return HOLD_EXPIRED end
  local after = wanted >= 0 and wanted or amount
  local by = after - amount
  if by > 0 and account.status == SUSPENDED then return ACCOUNT_SUSPENDED end
  if after <= captured then return HOLD_EXCEEDED end
  if by > 0 then
    local refusal = raise_refusal(account, by)
    if refusal > 0 then return refusal end
  end
  return 0, after, captured, wanted_expires >= 0 and wanted_expires or expires, OPEN, by, 0
end

-- Holds and the windows of limits, as in app/domain/hold-usage.ts: an amount that is newly held counts as a debit; an
-- amount released without a capture is given back to each window in which it was counted, if that is still the
-- account's latest one. `left` is the remaining amount of the hold before the event; `at`, `day` and `month`: when it
-- was counted, and how much in that day and month. @returns `at`, `day` and `month` after the event, and the changes of
-- the usage in the day and in the month
local function count_hold(limits, left, at, day, month, by, moved, windows, now)
  if by > 0 then
    if not limits then return at, day, month, 0, 0 end
    limit_rules.count(limits, windows, by, 0)
    local was_counted = at >= limits.since
    day = (was_counted and at >= limits.day and day or 0) + by
    month = (was_counted and at >= limits.month and month or 0) + by
    return now, day, month, by, by
  end
  if at == 0 then return 0, 0, 0, 0, 0 end
  left = left - moved
  local released = 0 - by - moved
  day, month = math.min(day, left), math.min(month, left)
  local day_back, month_back = math.min(day, released), math.min(month, released)
  if limits then limit_rules.give_back(limits, at, day_back, month_back) end
  return at, day - day_back, month - month_back, 0 - day_back, 0 - month_back
end
