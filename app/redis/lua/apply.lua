#!lua
-- Applies transfers, groups of transfers, legs of transfers between shards, captures and events of holds in order, each
-- atomically, and writes their journal entries.
--
-- KEYS[1] fence  KEYS[2] ledger  KEYS[3] accounts  KEYS[4] journal  KEYS[5] other ids, generation 0
-- KEYS[6] generation 1  KEYS[7..] buckets of ids, and at the end, if there are hold items, the holds
-- ARGV[1] epoch  ARGV[2] pod id  ARGV[3] replid
-- ARGV[4] the pod's clock d, ms since 1970, and the items: per chunk its count H, then per item: kind B (0 = transfer,
--   1 = reversal), source index H, destination index H (into the account ids, from 1), amount d, currency c3, place of the
--   id H, time of the id d, cursor of its lookup d (-1: none), id s
--   A group is a chunk of its own: its count plus 32768, then place, time, cursor and id of the group, then its members.
--   A chunk of legs has its count plus 8192. Each item is followed by: leg B (1 = out, 2 = in, 3 = back, 4 = returns), the
--   refusal that an out carries B (0: none), the number of its limit B, the value of the limit d, what is left of it d,
--   and, for a back, when the out was counted d (0: it was not)
--   A chunk of hold items has its count plus 16384, then per item: op B, account index H, destination index H (0: none),
--   amount d (-1: none), expires at d (-1: none), expected revision d, final B, currency c3, the pod's clock d, place H,
--   time d and cursor d of the id, id with its mark s, hold id s
-- ARGV[5] number of chunks  ARGV[6..] the chunks' payloads, opaque, then the account ids
-- Returns head, then a record per item (includes/layout.lua): POSTED, REJECTED; REPLAYED with the seq of the existing
--   outcome; SAME_CALL with the index (from 0) of the item in this call that has the id; NEEDS_LOOKUP; MISSING with 1 =
--   source, 2 = destination, 3 = both in its refusal byte; AHEAD for a new UUIDv7 that is too far ahead of the ledger's
--   time; STOPPED for any other new id while the ledger is stopped; for transfers that windows would count,
--   CLOCK_UNSURE if the ledger's time is too far ahead of the pod's clock, and NO_CALENDAR if the business calendar
--   does not cover the current day; for a leg, TRANSIT if its transit account cannot be used, with the reason in the
--   refusal byte: 1 = not active, 2 = its balance would leave the exact range. A posted group returns a record per
--   member, any other group a single record: MEMBER_TAKEN if the id of a member is known, with the member's index (from
--   0) in the refusal byte. A record of a hold item is longer (includes/holds.lua): MISSING adds 4 if the hold is
--   missing, or has 8 if the hold with this id has another account, destination or currency; UNCHANGED if the hold
--   already has the requested state, or is not due; CLOCK_UNSURE if it is due only by this server's clock. Only POSTED
--   and REJECTED with a seq were written. An error after a write is not rolled back, so nothing below the line marked
--   WRITES may fail.
--@include prologue
--@include layout
--@include rules

local ledger, refused = enter()
if not ledger then return refused end

local FIRST_BUCKET, SEQ_AT = 7, 43
local GROUP, HOLDS, LEGS = 32768, 16384, 8192
-- The fixed fields of a hold item, before its ids.
local HOLD_ITEM_BYTES = 41
-- The fields that follow the item of a leg.
local LEG_BYTES = 27
local chunk_count = tonumber(ARGV[5])
local account_base = 5 + chunk_count
local blobs = redis.call('HMGET', KEYS[3], unpack(ARGV, account_base + 1))

-- Creating a function takes time in every call, so the code for limits, groups and holds is included only in the branches
-- that need it.
local limit_rules
for i = 1, #blobs do
  if blobs[i] and #blobs[i] > HELD_BYTES and not limit_rules then
--@include limits
--@include apply-limits
  end
end

local accounts = {}
local function account_at(index)
  local account = accounts[index]
  if account ~= nil then return account end
  local blob = blobs[index]
  if not blob then
    accounts[index] = false
    return false
  end
  local balance, version, overdraft, settings, status, external, _, currency = struct.unpack(ACCOUNT, blob)
  account = {
    balance = balance, version = version, overdraft = overdraft, settings = settings, status = status,
    external = external, currency = currency,
  }
  if #blob > ACCOUNT_BYTES then
    account.held = held_of(blob)
    if #blob > HELD_BYTES then account.limits = limit_rules.of(blob) end
  end
  accounts[index] = account
  return account
end

-- Unpack the items, and look up all ids of a hash at once.
local time_max = ledger.time + AHEAD_MAX
local items, chunk_ends, asked, groups, hold_chunks, leg_chunks = {}, {}, {}, {}, {}, {}
local packed, position = ARGV[4], 9
local function ask(key, item)
  local list = asked[key]
  if not list then
    list = { ids = {}, items = {} }
    asked[key] = list
  end
  list.ids[#list.ids + 1] = item.id
  list.items[#list.items + 1] = item
end
local function locate(item, place, time, lookup)
  if in_bucket(ledger, place, time) then
    item.key = KEYS[FIRST_BUCKET + place - 1]
    ask(item.key, item)
  else
    item.looked_up = lookup >= ledger.evicted_up_to
    ask(KEYS[5], item)
    ask(KEYS[6], item)
  end
  if item.looked_up and (time > time_max or ledger.is_stopped) then item.looked_up = time > time_max and AHEAD or STOPPED end
end
for chunk = 1, chunk_count do
  local count
  count, position = struct.unpack('<H', packed, position)
  if count >= GROUP then
    count = count - GROUP
    local place, time, lookup, id
    place, time, lookup, id, position = struct.unpack('<Hdds', packed, position)
    -- The prefix '+' keeps group ids apart from transaction ids: no client can send it.
    local group = { key = KEYS[5 + ledger.gen], id = '+' .. id, known = false, looked_up = true, first = #items + 1 }
    locate(group, place, time, lookup)
    groups[chunk] = group
  elseif count >= HOLDS then
    hold_chunks[chunk] = true
    for _ = 1, count - HOLDS do
      local at, place, time, lookup, id, hold_id = position, nil, nil, nil, nil, nil
      place, time, lookup, id, hold_id, position = struct.unpack('<Hddss', packed, at + HOLD_ITEM_BYTES)
      -- The other fields are unpacked when the item is decided.
      local item = {
        key = KEYS[5 + ledger.gen], at = at, op = string.byte(packed, at), id = id, hold_id = hold_id, known = false,
        looked_up = true,
      }
      items[#items + 1] = item
      locate(item, place, time, lookup)
    end
    count = 0
  elseif count >= LEGS then
    count = count - LEGS
    leg_chunks[chunk] = true
  end
  local are_legs = leg_chunks[chunk]
  for _ = 1, count do
    local kind, source, destination, amount, currency, place, time, lookup, id
    kind, source, destination, amount, currency, place, time, lookup, id, position =
      struct.unpack('<BHHdc3Hdds', packed, position)
    -- All fields are set at once, because a table that grows field by field is reallocated four times.
    local item = {
      key = KEYS[5 + ledger.gen], source = source, destination = destination, amount = amount, currency = currency, id = id,
      known = false, looked_up = true,
    }
    if kind == REVERSAL then item.is_reversal = true end
    if are_legs then
      -- The fields of a leg are unpacked when it is decided.
      item.at = position
      position = position + LEG_BYTES
    end
    items[#items + 1] = item
    locate(item, place, time, lookup)
  end
  chunk_ends[chunk] = #items
end
for key, list in pairs(asked) do
  local found = redis.call('HMGET', key, unpack(list.ids))
  for i = 1, #found do
    if found[i] then list.items[i].known = tonumber(found[i]) end
  end
end

-- Decide every item on the accounts as the previous items left them.
-- `changed`: the seq of the last change of each account that has changed.
local records, changed, in_call, new_ids = {}, {}, {}, {}
local function take_id(item, index, seq)
  in_call[item.id] = index
  local ids = new_ids[item.key]
  if not ids then
    ids = {}
    new_ids[item.key] = ids
  end
  ids[#ids + 1] = item.id
  ids[#ids + 1] = integer(seq)
end
-- Applies the rules to a new id, and changes the accounts if the rules allow it. @returns the record, and whether it
-- was posted. `place` is the position of a member in its group; the record of a refusal contains it. `windows`: the
-- windows of the call, if limits apply.
local function settle(item, source, destination, windows, seq, place)
  local refusal = refusal_of(source, destination, item.amount, item.currency)
  if refusal > 0 then return struct.pack(RECORD, REJECTED, refusal, place, 0, 0, 0, 0, 0, seq), false end
  local counted = 0
  if windows then
    local limit, value, remaining = limit_rules.refusing(source, destination, item.amount, windows)
    if limit > 0 then
      return struct.pack(RECORD, REJECTED, LIMIT_EXCEEDED, place, 0, value, remaining, limit, 0, seq), false
    end
    counted = limit_rules.count_both(source.limits, destination.limits, item.amount, windows)
  end
  source.balance = source.balance - item.amount
  source.version = source.version + 1
  destination.balance = destination.balance + item.amount
  destination.version = destination.version + 1
  changed[item.source] = seq
  changed[item.destination] = seq
  return struct.pack(RECORD, POSTED, counted, source.balance, source.version, destination.balance, destination.version,
    source.settings, destination.settings, seq), true
end
local function decide(item, index)
  if item.known then return bare(REPLAYED, 0, item.known) end
  if in_call[item.id] then return bare(SAME_CALL, 0, in_call[item.id]) end
  if not item.looked_up then return bare(NEEDS_LOOKUP, 0, 0) end
  if item.looked_up ~= true then return bare(item.looked_up, 0, 0) end
  local source, destination = account_at(item.source), account_at(item.destination)
  if not source or not destination then
    return bare(MISSING, (source and 0 or 1) + (destination and 0 or 2), 0)
  end
  local windows, unwindowed
  if limit_rules and limit_rules.apply_to(item, source, destination) then
    windows, unwindowed = limit_rules.windows()
    if unwindowed then return bare(unwindowed, 0, 0) end
  end
  local seq = ledger.seq + 1
  ledger.seq = seq
  take_id(item, index, seq)
  return (settle(item, source, destination, windows, seq, 0))
end

local decide_group, decide_hold, decide_leg, changed_holds = nil, nil, nil, {}
if next(groups) then
--@include apply-groups
end
if next(leg_chunks) then
--@include apply-legs
end
if next(hold_chunks) then
--@include holds
--@include apply-holds
end

-- `number` counts the items of the call as the pod does: a group is one item.
local entries, first, number, start_seq = {}, 1, 0, ledger.seq
for chunk = 1, chunk_count do
  local before, group, last = ledger.seq, groups[chunk], chunk_ends[chunk]
  local kind, decide_one = 't', decide
  if hold_chunks[chunk] then kind, decide_one = 'h', decide_hold end
  if leg_chunks[chunk] then decide_one = decide_leg end
  if group then
    kind = 'g'
    records[#records + 1] = decide_group(group, last, number)
    number = number + 1
  else
    for index = first, last do
      records[#records + 1] = decide_one(items[index], number)
      number = number + 1
    end
  end
  if ledger.seq > before then
    local from = #records - (group and 0 or last - first)
    entries[#entries + 1] =
      { integer(before + 1) .. '-0', kind, ARGV[5 + chunk], table.concat(records, '', from, #records) }
  end
  first = last + 1
end

-- WRITES
if ledger.seq > start_seq then
  local fields, time = {}, integer(ledger.time)
  for index, seq in pairs(changed) do
    local account = accounts[index]
    fields[#fields + 1] = ARGV[account_base + index]
    local blob = struct.pack(ACCOUNT, account.balance, account.version, account.overdraft, account.settings,
      account.status, account.external, 1, account.currency, seq)
    if account.limits then
      blob = blob .. limit_rules.packed(account.held, account.limits)
    elseif account.held then
      blob = blob .. struct.pack('<d', account.held)
    end
    fields[#fields + 1] = blob
  end
  if #fields > 0 then redis.call('HSET', KEYS[3], unpack(fields)) end
  fields = {}
  for id, hold in pairs(changed_holds) do
    fields[#fields + 1] = id
    fields[#fields + 1] = hold
  end
  if #fields > 0 then redis.call('HSET', KEYS[#KEYS], unpack(fields)) end
  for key, ids in pairs(new_ids) do
    local highest = ids[#ids]
    ids[#ids + 1] = '#'
    ids[#ids + 1] = highest
    redis.call('HSET', key, unpack(ids))
  end
  for i = 1, #entries do
    redis.call('XADD', KEYS[4], entries[i][1], 'k', entries[i][2], 'p', entries[i][3], 'r', entries[i][4], 'a', time)
  end
  redis.call('HSET', KEYS[2], 'seq', integer(ledger.seq), 'time', time)
end
return head(ledger) .. table.concat(records)
