-- Ids that Redis remembers. A UUIDv7 later than M is in the bucket of its time, and Redis alone decides it; any other id
-- is in one of two generations of "other" ids, and counts as new only when MySQL was asked (the look-up's cursor is not
-- below droppedUpTo). Every hash of ids keeps the highest seq in it under '#', which no id can be.
--   a place of 0 is "other"; a place of p is the bucket key KEYS[first_bucket + p - 1]
-- A UUIDv7 further ahead of the ledger's time than this, ms, is refused, so that no id can raise M, and with it the look-ups in
-- MySQL, beyond this. The same as ID_AHEAD_MS_MAX in app/domain/ids.ts.
local AHEAD_MAX = 60000
local function in_bucket(ledger, place, time)
  return place > 0 and time > ledger.m
end
