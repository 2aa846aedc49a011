-- Single transfers, each with its own UUIDv7: between uniformly chosen accounts, or all on one hot account, which is
-- alternately the source and the destination. Arguments: API key, number of accounts, six hex digits unique to this
-- run, uniform or hot, and optionally a rate: then each transfer is sent at its planned time if a connection is free.
local ffi = require('ffi')
ffi.cdef('typedef struct { long s; long ns; } timespec_t; int clock_gettime(int clock, timespec_t *time);')
local accounts, run, hot, headers, counter, second, time

function init(args)
  accounts, run, hot = tonumber(args[2]), args[3], args[4] == 'hot'
  headers = { ['Authorization'] = 'Bearer ' .. args[1], ['Content-Type'] = 'application/json' }
  counter, second, time = 0, 0, ''
  math.randomseed(tonumber(run, 16))
  if args[5] then delay = planned(tonumber(args[5])) end
end

-- Returns how many ms to wait before the next request.
function planned(per_second)
  local MONOTONIC, clock, sent = 1, ffi.new('timespec_t'), 0
  local function now_ms()
    ffi.C.clock_gettime(MONOTONIC, clock)
    return tonumber(clock.s) * 1000 + tonumber(clock.ns) / 1e6
  end
  local began = now_ms()
  return function()
    sent = sent + 1
    return math.max(0, began + sent * 1000 / per_second - now_ms())
  end
end

function request()
  local now = os.time()
  if now ~= second then
    second = now
    -- ms since 1970 in 12 hex digits, formatted in two parts, because the whole number does not fit into 32 bits.
    local ms = now * 1000
    local high = math.floor(ms / 65536)
    time = string.format('%08x-%04x', high, ms - high * 65536)
  end
  counter = counter + 1
  local source = hot and 0 or math.random(0, accounts - 1)
  local destination = (source + math.random(1, accounts - 1)) % accounts
  if hot and counter % 2 == 0 then source, destination = destination, source end
  local body = string.format(
    '{"transactionId":"%s-7%s-8%s-%012x","sourceAccount":"load-%05d","destinationAccount":"load-%05d","amount":"0.01","currency":"EUR"}',
    time, string.sub(run, 1, 3), string.sub(run, 4, 6), counter, source, destination)
  return wrk.format('POST', '/v1/transfers', headers, body)
end
