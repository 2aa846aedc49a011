#!lua flags=no-writes
-- Finds the outcomes of ids, with the complete journal entries that contain them.
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] journal  KEYS[4] other ids, generation 0  KEYS[5] generation 1
-- KEYS[6..] buckets of ids
-- ARGV[1] epoch  ARGV[2] pod id  ARGV[3] replid  ARGV[4..] per id: place H, time d, id s, packed
-- Returns { head, seqs, entries }: per id its seq, or '' if it is unknown here; then per distinct journal entry
--   { id of the entry, its fields }. If a seq has no entry, the entry was trimmed, and is in MySQL.
--@include prologue

local ledger, refused = enter()
if not ledger then return refused end

local FIRST_BUCKET = 6
local seqs, entries, seen = {}, {}, {}
for i = 4, #ARGV do
  local place, time, id = struct.unpack('<Hds', ARGV[i])
  local seq
  if in_bucket(ledger, place, time) then
    seq = redis.call('HGET', KEYS[FIRST_BUCKET + place - 1], id)
  else
    seq = redis.call('HGET', KEYS[4], id) or redis.call('HGET', KEYS[5], id)
  end
  seqs[#seqs + 1] = seq or ''
  if seq then
    local entry = redis.call('XREVRANGE', KEYS[3], seq .. '-0', '-', 'COUNT', 1)[1]
    if entry and not seen[entry[1]] then
      seen[entry[1]] = true
      entries[#entries + 1] = entry
    end
  end
end
return { head(ledger), seqs, entries }
