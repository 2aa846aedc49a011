-- Ids that Redis remembers. A UUIDv7 later than the lookup horizon is in the bucket of its time, and Redis alone decides it;
-- any other id is in one of two generations of "other" ids, and counts as new only after a lookup in MySQL whose
-- cursor is not below the seq up to which ids were evicted. Every hash of ids has the highest seq in it under '#', which is
-- not a valid id. The caller sends the place of each id: 0 for "other", p for the bucket KEYS[first_bucket + p - 1]. A
-- UUIDv7 further ahead of the ledger's time than AHEAD_MAX, ms, is rejected, so that no id can raise the lookup horizon, and
-- with it the number of lookups in MySQL, beyond this limit. AHEAD_MAX equals ID_AHEAD_MS_MAX in app/domain/ids.ts.
local AHEAD_MAX = 60000
local function in_bucket(ledger, place, time)
  return place > 0 and time > ledger.lookup_horizon
end
