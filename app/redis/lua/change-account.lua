#!lua
-- Changes an account's settings, and writes the journal entry. Settings have their own version, so that postings stay
-- contiguous.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] accounts  KEYS[4] journal  KEYS[5] bucket of the change's id
-- ARGV[1] epoch  ARGV[2] pod id  ARGV[3] replid  ARGV[4] account id  ARGV[5] change id  ARGV[6] time of the change id
-- ARGV[7] expected settings version, or ''  ARGV[8] status, or ''  ARGV[9] overdraft limit, or ''
-- ARGV[10] limits d x 5 (-1: none), or ''  ARGV[11] payload
-- Returns head, then a record: POSTED; REPLAYED with the seq of the existing change; NEEDS_LOOKUP if the id is not
--   later than the lookup horizon, AHEAD if it is too far ahead of the ledger's time (the caller then generates a new
--   id); MISSING; STOPPED. REJECTED
--   changes nothing and is not stored: its refusal byte is 1 = the settings version differs, 2 = closed permanently, 3
--   = not
--   empty, 4 = settings version exhausted.
--@include prologue
--@include layout
--@include extension
--@include limits

local ledger, refused = enter()
if not ledger then return refused end

local OTHER_VERSION, CLOSED_FOR_GOOD, NOT_EMPTY, EXHAUSTED = 1, 2, 3, 4
-- The prefix '#' keeps ids of changes apart from transaction ids: no client can send it.
local id = '#' .. ARGV[5]
local known = redis.call('HGET', KEYS[5], id)
if known then return head(ledger) .. bare(REPLAYED, 0, tonumber(known)) end
if not in_bucket(ledger, 1, tonumber(ARGV[6])) then return head(ledger) .. bare(NEEDS_LOOKUP, 0, 0) end
if ledger.is_stopped then return head(ledger) .. bare(STOPPED, 0, 0) end
-- If the lookup horizon is further ahead than AHEAD_MAX, only the id right after the horizon is accepted.
if tonumber(ARGV[6]) > math.max(ledger.time + AHEAD_MAX, ledger.lookup_horizon + 1) then return head(ledger) .. bare(AHEAD, 0, 0) end
local blob = redis.call('HGET', KEYS[3], ARGV[4])
if not blob then return head(ledger) .. bare(MISSING, 1, 0) end

local balance, version, overdraft, settings, status, external, _, currency = struct.unpack(ACCOUNT, blob)
local wanted_status = tonumber(ARGV[8]) or status
local wanted_overdraft = tonumber(ARGV[9]) or overdraft
if ARGV[7] ~= '' and tonumber(ARGV[7]) ~= settings then return head(ledger) .. bare(REJECTED, OTHER_VERSION, 0) end
if status == CLOSED then return head(ledger) .. bare(REJECTED, CLOSED_FOR_GOOD, 0) end
if wanted_status == CLOSED and (balance ~= 0 or held_of(blob) ~= 0) then return head(ledger) .. bare(REJECTED, NOT_EMPTY, 0) end
if settings >= 4294967295 then return head(ledger) .. bare(REJECTED, EXHAUSTED, 0) end

local extension, begins = extension_of(blob), 0
if ARGV[10] ~= '' then
  local limits
  limits, begins = changed_limits(limits_of(blob), ARGV[10], ledger.time)
  extension = packed_extension(held_of(blob), limits)
end
local seq = ledger.seq + 1
ledger.seq = seq
local time = integer(ledger.time)
local record = struct.pack(RECORD, POSTED, begins, balance, version, wanted_overdraft, 0, settings + 1, wanted_status, seq)
-- WRITES
redis.call('HSET', KEYS[3], ARGV[4], struct.pack(ACCOUNT, balance, version, wanted_overdraft, settings + 1, wanted_status,
  external, 1, currency, seq) .. extension)
redis.call('HSET', KEYS[5], id, integer(seq), '#', integer(seq))
redis.call('XADD', KEYS[4], integer(seq) .. '-0', 'k', 'c', 'p', ARGV[11], 'r', record, 'a', time)
redis.call('HSET', KEYS[2], 'seq', integer(seq), 'time', time)
return head(ledger) .. record
