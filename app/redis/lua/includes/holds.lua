-- Holds: their layout and rules, the same as app/domain/holds.ts and app/journal/hold-decision.ts; a test compares them
-- over random histories. This part runs only if a call has hold items.
--
-- A hold in Redis, little endian: amount d, captured d, expires at d, revision I4, status B, modified B, currency c3, seq d,
--   account s, destination s ('': none). `modified` and `seq` as for accounts. If windows have ever counted it, what they count
--   of what is left follows: counted at d, in the business day of that time d, in its month d
local HOLD, COUNTED = '<dddI4BBc3dss', '<ddd'
-- The bytes that follow the record of a hold item: held after d, change of held d, amount moved d, the hold's amount d, captured d,
--   expires at d, revision I4, status B, counted at d, counted of it in that day d, in that month d, change of the day's
--   usage d, of the month's d
local HOLD_AFTER = '<ddddddI4Bddddd'
local OPEN, CAPTURED, VOIDED, EXPIRED = 0, 1, 2, 3
local PLACE, CAPTURE, CHANGE, VOID, EXPIRE = 1, 2, 3, 4, 5
local HOLD_NOT_ALLOWED, HOLD_NOT_OPEN, HOLD_EXPIRED, HOLD_EXCEEDED, HOLD_CHANGED = 33, 34, 35, 36, 64
local DEFAULT_MS, CLOCK_AHEAD_MAX = 604800000, 5000
local NO_HOLD = { amount = 0, captured = 0, expires = 0, revision = 0, status = OPEN, counted_at = 0, day = 0, month = 0 }

local function hold_after(hold, held, change, moved, day_change, month_change)
  return struct.pack(HOLD_AFTER, held, change, moved, hold.amount, hold.captured, hold.expires, hold.revision, hold.status,
    hold.counted_at, hold.day, hold.month, day_change, month_change)
end
local function bare_hold(status, detail, seq, hold, moved)
  return bare(status, detail, seq) .. hold_after(hold or NO_HOLD, 0, 0, moved or 0, 0, 0)
end

-- Sums of exact numbers are only compared. A sum outside the exact range may be rounded, but never back into the range.
local function raise_refusal(account, amount)
  local held = account.held or 0
  if account.balance - held - amount < -account.overdraft then return INSUFFICIENT_FUNDS end
  return held + amount > EXACT_MAX and OUT_OF_RANGE or 0
end

-- From its expiry time on, a hold counts as expired, whether or not the journal contains the expiry yet.
local function closed_refusal(hold, now)
  if hold.status == EXPIRED then return HOLD_EXPIRED end
  if hold.status ~= OPEN then return HOLD_NOT_OPEN end
  return now >= hold.expires and HOLD_EXPIRED or 0
end

local function next_of(hold, amount, captured, expires, status)
  return {
    amount = amount, captured = captured, expires = expires, revision = hold.revision + 1, status = status,
    account = hold.account, destination = hold.destination, currency = hold.currency,
    counted_at = hold.counted_at, day = hold.day, month = hold.month,
  }
end

-- Each function returns 0, the hold after the step, the change of held, and the amount that moves; or a refusal; or nil
-- if nothing changes.
local function place(item, account, destination, now)
  if account.currency ~= item.currency or (destination and destination.currency ~= item.currency) then
    return CURRENCY_MISMATCH
  end
  if account.status == CLOSED or (destination and destination.status == CLOSED) then return ACCOUNT_CLOSED end
  if account.status == FROZEN then return ACCOUNT_FROZEN end
  if account.status == SUSPENDED then return ACCOUNT_SUSPENDED end
  if account.external == 1 then return HOLD_NOT_ALLOWED end
  if item.expires >= 0 and item.expires <= now then return HOLD_EXPIRED end
  local refusal = raise_refusal(account, item.amount)
  if refusal > 0 then return refusal end
  local expires = item.expires >= 0 and item.expires or now + DEFAULT_MS
  return 0, {
    amount = item.amount, captured = 0, expires = expires, revision = 1, status = OPEN,
    account = item.account_id, destination = item.destination_id, currency = item.currency,
    counted_at = 0, day = 0, month = 0,
  }, item.amount, 0
end

local function change(item, hold, account, now)
  local refusal = closed_refusal(hold, now)
  if refusal > 0 then return refusal end
  if hold.revision ~= item.revision then return HOLD_CHANGED end
  if account.status == FROZEN then return ACCOUNT_FROZEN end
  if item.expires >= 0 and item.expires <= now then return HOLD_EXPIRED end
  local amount = item.amount >= 0 and item.amount or hold.amount
  local by = amount - hold.amount
  if by > 0 and account.status == SUSPENDED then return ACCOUNT_SUSPENDED end
  if amount <= hold.captured then return HOLD_EXCEEDED end
  if by > 0 then
    refusal = raise_refusal(account, by)
    if refusal > 0 then return refusal end
  end
  return 0, next_of(hold, amount, hold.captured, item.expires >= 0 and item.expires or hold.expires, OPEN), by, 0
end

local function capture(item, hold, account, destination, now)
  local refusal = closed_refusal(hold, now)
  if refusal > 0 then return refusal end
  if destination.currency ~= account.currency then return CURRENCY_MISMATCH end
  if destination.status == CLOSED then return ACCOUNT_CLOSED end
  if account.status == FROZEN or destination.status == FROZEN then return ACCOUNT_FROZEN end
  local left = hold.amount - hold.captured
  local amount = item.amount >= 0 and item.amount or left
  if amount > left then return HOLD_EXCEEDED end
  if destination.balance + amount > EXACT_MAX then return OUT_OF_RANGE end
  local last = item.final == 1 or amount == left
  return 0, next_of(hold, hold.amount, hold.captured + amount, hold.expires, last and CAPTURED or OPEN),
    last and -left or -amount, amount
end

local function ended(hold, status)
  return 0, next_of(hold, hold.amount, hold.captured, hold.expires, status), hold.captured - hold.amount, 0
end

local function step(item, hold, account, destination, now)
  if item.op == PLACE then return place(item, account, destination, now) end
  if item.op == CHANGE then return change(item, hold, account, now) end
  if item.op == CAPTURE then return capture(item, hold, account, destination, now) end
  if item.op == VOID then
    if hold.status == VOIDED then return nil end
    if hold.status ~= OPEN then return HOLD_NOT_OPEN end
    return ended(hold, VOIDED)
  end
  if hold.status ~= OPEN or now < hold.expires then return nil end
  return ended(hold, EXPIRED)
end

-- Whether a hold is due only because this server's clock is far ahead of the pod's. No decision may depend on that.
local function is_clock_unsure(item, hold, refusal, now)
  local rests = refusal == HOLD_EXPIRED or (item.op == EXPIRE and refusal == 0)
  if not rests or (hold and hold.status == EXPIRED) then return false end
  local expires = hold and hold.expires or item.expires
  return now >= expires and now - item.pod_now > CLOCK_AHEAD_MAX and item.pod_now < expires
end

-- The amount that a capture requests, or the remaining amount.
local function asked_of(item, hold)
  if item.op ~= CAPTURE then return 0 end
  if item.amount >= 0 then return item.amount end
  return hold.status == OPEN and hold.amount - hold.captured or 0
end

-- Holds and the windows of limits, as in app/domain/hold-usage.ts: an amount that is newly held counts as a debit; an
-- amount released without a capture is given back to each window in which it was counted, if that is still the
-- account's latest one.

-- Whether limits apply: those of the account if more is held, those of the destination if it is a capture.
local function needs_windows(item, hold, account, destination)
  if item.op == CAPTURE then return destination.limits end
  return account.limits and (item.op == PLACE or (item.op == CHANGE and item.amount > hold.amount))
end

local function refusing_hold(after, by, moved, account, destination, windows)
  if by > 0 then return refusing_debit(account.limits, after.amount, by, windows) end
  if moved > 0 then return refusing_credit(destination.limits, destination.balance, moved, windows) end
  return 0
end

local function give_back(limits, at, day, month)
  if at < limits.since then return end
  -- A sum that has reached the end of the exact range may be higher than it says, and stays there.
  if at >= limits.day and limits.day_debit < EXACT_MAX then limits.day_debit = math.max(0, limits.day_debit - day) end
  if at >= limits.month and limits.month_debit < EXACT_MAX then
    limits.month_debit = math.max(0, limits.month_debit - month)
  end
end

-- Counts an event of a hold in the windows of its account. `left`: of the hold, before it  @returns what changes in the day and
-- in the month
local function count_hold(after, limits, left, by, moved, windows, now)
  if by > 0 then
    if not limits then return 0, 0 end
    count(limits, windows, by, 0)
    local at = after.counted_at
    local was_counted = at >= limits.since
    after.day = (was_counted and at >= limits.day and after.day or 0) + by
    after.month = (was_counted and at >= limits.month and after.month or 0) + by
    after.counted_at = now
    return by, by
  end
  if after.counted_at == 0 then return 0, 0 end
  left = left - moved
  local released = 0 - by - moved
  local day, month = math.min(after.day, left), math.min(after.month, left)
  local day_back, month_back = math.min(day, released), math.min(month, released)
  after.day, after.month = day - day_back, month - month_back
  if limits then give_back(limits, after.counted_at, day_back, month_back) end
  return 0 - day_back, 0 - month_back
end

-- An account without limits has an extension only while something is held.
local function set_held(account, held)
  account.held = (held ~= 0 or account.limits) and held or nil
end
