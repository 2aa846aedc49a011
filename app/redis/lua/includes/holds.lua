-- Holds: their layout and rules, the same as app/domain/holds.ts and app/journal/hold-decision.ts; a test compares them
-- over random histories. This part runs only if a call has hold items.
--
-- A hold in Redis, little endian: amount d, captured d, expires at d, revision I4, status B, modified B, currency c3, seq d,
--   account s, destination s ('': none). `modified` and `seq` as for accounts.
local HOLD = '<dddI4BBc3dss'
-- The bytes that follow the record of a hold item: held after d, change of held d, amount moved d, the hold's amount d,
-- captured d, expires at d, revision I4, status B
local HOLD_AFTER = '<ddddddI4B'
local OPEN, CAPTURED, VOIDED, EXPIRED = 0, 1, 2, 3
local PLACE, CAPTURE, CHANGE, VOID, EXPIRE = 1, 2, 3, 4, 5
local HOLD_NOT_ALLOWED, HOLD_NOT_OPEN, HOLD_EXPIRED, HOLD_EXCEEDED, HOLD_CHANGED = 33, 34, 35, 36, 64
local DEFAULT_MS, CLOCK_AHEAD_MAX = 604800000, 5000
local NO_HOLD = { amount = 0, captured = 0, expires = 0, revision = 0, status = OPEN }

local function hold_after(hold, held, change, moved)
  return struct.pack(HOLD_AFTER, held, change, moved, hold.amount, hold.captured, hold.expires, hold.revision, hold.status)
end
local function bare_hold(status, detail, seq, hold, moved)
  return bare(status, detail, seq) .. hold_after(hold or NO_HOLD, 0, 0, moved or 0)
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

-- An account without limits has an extension only while something is held.
local function set_held(account, held)
  account.held = (held ~= 0 or account.limits) and held or nil
end
