-- The rules of limits, the same as app/domain/limits.ts; a test compares them over random histories.
-- The extension of an account with limits: held d, then the limits (d x 5, -1: none), counted since d, start of the day d,
-- its debits d, its credits d, start of the month d, its debits d.
local LIMITED, LIMITS_AT = '<ddddddddddd', HELD_BYTES + 1
local TRANSFER_MAX, DAILY_DEBIT_MAX, MONTHLY_DEBIT_MAX, DAILY_CREDIT_MAX, BALANCE_MAX = 1, 2, 3, 4, 5
-- This has the value of CLOCK_AHEAD_MS_MAX in app/domain/business-calendar.ts.
local UNSURE_MS = 5000

-- Returns nil for an account with a held amount but without limits.
local function limits_of(blob)
  if #blob < LIMITS_AT then return nil end
  local limits = {}
  limits.transfer_max, limits.daily_debit_max, limits.monthly_debit_max, limits.daily_credit_max, limits.balance_max,
    limits.since, limits.day, limits.day_debit, limits.day_credit, limits.month, limits.month_debit =
    struct.unpack(LIMITED, blob, LIMITS_AT)
  return limits
end

local function packed_extension(held, limits)
  if limits then
    return struct.pack('<d', held) .. struct.pack(LIMITED, limits.transfer_max, limits.daily_debit_max,
      limits.monthly_debit_max, limits.daily_credit_max, limits.balance_max, limits.since, limits.day, limits.day_debit,
      limits.day_credit, limits.month, limits.month_debit)
  end
  return held == 0 and '' or struct.pack('<d', held)
end

-- The windows into which a time falls: starts of its business day and of its month; nil if the calendar does not cover
-- it. The calendar: valid until d, then per business day, oldest first: its start d, start of its month d. The last day
-- only marks the end of the day before it.
local function windows_at(calendar, time)
  if not calendar or time >= struct.unpack('<d', calendar) then return nil end
  local low, high = 0, (#calendar - 8) / 16
  -- The days below `low` have started; the days from `high` on have not.
  local all = high
  while low < high do
    local middle = math.floor((low + high) / 2)
    if struct.unpack('<d', calendar, 9 + 16 * middle) <= time then low = middle + 1 else high = middle end
  end
  if low == 0 or low == all then return nil end
  local day, month = struct.unpack('<dd', calendar, 9 + 16 * (low - 1))
  return { day = day, month = month }
end

local function over(limit, value, used, amount)
  if value < 0 or used + amount <= value then return 0 end
  return limit, value, math.max(0, math.min(value - used, EXACT_MAX))
end

-- 0 if an account's limits allow a debit; otherwise the limit that refuses it, its value, and what is left of it.
-- `single`: the whole debit, or the whole hold  `amount`: what it adds to the windows
local function refusing_debit(limits, single, amount, windows)
  local limit, value, remaining = over(TRANSFER_MAX, limits.transfer_max, 0, single)
  if limit > 0 then return limit, value, remaining end
  local used = windows.day > limits.day and 0 or limits.day_debit
  limit, value, remaining = over(DAILY_DEBIT_MAX, limits.daily_debit_max, used, amount)
  if limit > 0 then return limit, value, remaining end
  used = windows.month > limits.month and 0 or limits.month_debit
  return over(MONTHLY_DEBIT_MAX, limits.monthly_debit_max, used, amount)
end

local function refusing_credit(limits, balance, amount, windows)
  local used = windows.day > limits.day and 0 or limits.day_credit
  local limit, value, remaining = over(DAILY_CREDIT_MAX, limits.daily_credit_max, used, amount)
  if limit > 0 then return limit, value, remaining end
  return over(BALANCE_MAX, limits.balance_max, balance, amount)
end

local function refusing_limit(source, destination, amount, windows)
  if source.limits then
    local limit, value, remaining = refusing_debit(source.limits, amount, amount, windows)
    if limit > 0 then return limit, value, remaining end
  end
  if not destination.limits then return 0 end
  return refusing_credit(destination.limits, destination.balance, amount, windows)
end

-- Usage of a window that has ended is dropped; a later window is never replaced by an earlier one.
local function count(limits, windows, debit, credit)
  if windows.day > limits.day then limits.day, limits.day_debit, limits.day_credit = windows.day, 0, 0 end
  if windows.month > limits.month then limits.month, limits.month_debit = windows.month, 0 end
  limits.day_debit = math.min(limits.day_debit + debit, EXACT_MAX)
  limits.month_debit = math.min(limits.month_debit + debit, EXACT_MAX)
  limits.day_credit = math.min(limits.day_credit + credit, EXACT_MAX)
end

-- Counts both sides of a transfer. @returns which sides were counted: 1 = the debit, 2 = the credit, 3 = both
local function count_both(debited, credited, amount, windows)
  if debited then count(debited, windows, amount, 0) end
  if credited then count(credited, windows, 0, amount) end
  return (debited and 1 or 0) + (credited and 2 or 0)
end

-- Gives debits that were counted at `at` back to each window that is still the account's latest one.
local function give_back(limits, at, day, month)
  if at < limits.since then return end
  -- A sum that has reached the end of the exact range stays there, because its exact value may be higher.
  if at >= limits.day and limits.day_debit < EXACT_MAX then limits.day_debit = math.max(0, limits.day_debit - day) end
  if at >= limits.month and limits.month_debit < EXACT_MAX then
    limits.month_debit = math.max(0, limits.month_debit - month)
  end
end

-- Returns the limits after a change, with their usage unchanged, or nil if there are none, and 1 if counting begins.
local function changed_limits(limits, wanted, time)
  local counting = limits or { since = time, day = 0, day_debit = 0, day_credit = 0, month = 0, month_debit = 0 }
  counting.transfer_max, counting.daily_debit_max, counting.monthly_debit_max, counting.daily_credit_max,
    counting.balance_max = struct.unpack('<ddddd', wanted)
  local highest = math.max(counting.transfer_max, counting.daily_debit_max, counting.monthly_debit_max,
    counting.daily_credit_max, counting.balance_max)
  if highest < 0 then return nil, 0 end
  return counting, limits and 0 or 1
end
