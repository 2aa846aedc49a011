-- The part of apply.lua that handles limits. It runs only if an account of the call has limits, so that other calls are
-- not slowed down. It sets limit_rules.

-- The windows of the call's time, or nil and the reason; looked up once.
local windows, unwindowed
local function call_windows()
  if windows or unwindowed then return windows, unwindowed end
  if ledger.time - struct.unpack('<d', ARGV[4]) > UNSURE_MS then
    unwindowed = CLOCK_UNSURE
  else
    windows = windows_at(redis.call('HGET', KEYS[2], 'calendar'), ledger.time)
    if not windows then unwindowed = NO_CALENDAR end
  end
  return windows, unwindowed
end
-- Returned money is always accepted.
local function apply_to(item, source, destination)
  return (source.limits or destination.limits) and not item.is_reversal
end
limit_rules = {
  of = limits_of, packed = packed_extension, apply_to = apply_to, windows = call_windows, refusing = refusing_limit,
  refusing_debit = refusing_debit, refusing_credit = refusing_credit, count = count, count_both = count_both,
  give_back = give_back,
}
