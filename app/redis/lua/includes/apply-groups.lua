-- The part of apply.lua that handles groups. It runs only if a call has groups, so that other calls are not slowed
-- down. It sets decide_group.

-- Returns why a group has no outcome in this call, or nil. The group's own id is checked first, because in a repeated
--   group, the ids of the members are known, too.
local function undecided(group, last)
  if group.known then return bare(REPLAYED, 0, group.known) end
  if in_call[group.id] then return bare(SAME_CALL, 0, in_call[group.id]) end
  if not group.looked_up then return bare(NEEDS_LOOKUP, 0, 0) end
  local own, needs_lookup, ahead, missing, limited = {}, false, group.looked_up == AHEAD, 0, false
  for i = group.first, last do
    local item = items[i]
    if item.known or in_call[item.id] or own[item.id] then return bare(MEMBER_TAKEN, i - group.first, 0) end
    own[item.id] = true
    needs_lookup = needs_lookup or not item.looked_up
    ahead = ahead or item.looked_up == AHEAD
    local source, destination = account_at(item.source), account_at(item.destination)
    if not source or not destination then
      missing = 3
    else
      limited = limited or (limit_rules and limit_rules.apply_to(item, source, destination))
    end
  end
  if needs_lookup then return bare(NEEDS_LOOKUP, 0, 0) end
  if ahead then return bare(AHEAD, 0, 0) end
  if ledger.is_stopped then return bare(STOPPED, 0, 0) end
  if missing > 0 then return bare(MISSING, missing, 0) end
  if limited then
    local _, unwindowed = limit_rules.windows()
    if unwindowed then return bare(unwindowed, 0, 0) end
  end
  return nil
end

local function copy_of(account)
  local copy = {}
  for field, value in pairs(account) do copy[field] = value end
  if account.limits then
    copy.limits = {}
    for field, value in pairs(account.limits) do copy.limits[field] = value end
  end
  return copy
end

-- Decides all members, each on the balances that the previous ones left, and applies all or none of them.
function decide_group(group, last, index)
  local why = undecided(group, last)
  if why then return why end
  local seq, was, was_changed, posted = ledger.seq + 1, {}, {}, {}
  for i = group.first, last do
    local item = items[i]
    local source, destination = account_at(item.source), account_at(item.destination)
    for _, number in ipairs({ item.source, item.destination }) do
      if not was[number] then
        was[number] = copy_of(accounts[number])
        was_changed[number] = changed[number]
      end
    end
    local windows = limit_rules and limit_rules.apply_to(item, source, destination) and limit_rules.windows() or nil
    local record, is_posted = settle(item, source, destination, windows, seq + i - group.first, i - group.first)
    if not is_posted then
      for number, before in pairs(was) do
        accounts[number] = before
        changed[number] = was_changed[number]
      end
      ledger.seq = seq
      take_id(group, index, seq)
      -- A refused group has a single seq.
      return string.sub(record, 1, SEQ_AT - 1) .. struct.pack('<d', seq)
    end
    posted[#posted + 1] = record
  end
  take_id(group, index, seq)
  for i = group.first, last do take_id(items[i], index, seq + i - group.first) end
  ledger.seq = seq + last - group.first
  return table.concat(posted)
end
