local EXACT_MAX = 9007199254740991

-- An account in Redis: 42 bytes, little endian, followed by an extension if it has held money or limits.
--   balance d, version d, overdraft limit d, settings version I4, status B, external B, modified B, currency c3, seq d
-- `seq` is the journal's seq of the account's last change or, while the account is not `modified` in this epoch, the seq
-- at its installation. An account is clean, and may be evicted, if it is not modified or has seq <= cursor.
local ACCOUNT, ACCOUNT_BYTES = '<dddI4BBBc3d', 42
-- The length with held money, but without limits.
local HELD_BYTES = 50
-- The extension: held d and, if the account has limits, the limits with their usage (includes/limits.lua).
local function held_of(blob)
  if #blob == ACCOUNT_BYTES then return 0 end
  return (struct.unpack('<d', blob, ACCOUNT_BYTES + 1))
end
local ACTIVE, SUSPENDED, FROZEN, CLOSED = 0, 1, 2, 3

-- The result of one item: 50 bytes, little endian. The journal and the reply contain the same bytes.
--   status B, refusal B, balance d, version d, other balance d, other version d, settings version I4,
--   other settings version I4, seq d
-- A transfer: source first, destination as the other. An account change: its balance and version, then its overdraft
-- limit as other balance, its status as other settings version, and 1 as refusal if its windows begin to count. A refused
-- group: the refusal, and as its balance the index of the member that was refused.
-- In a POSTED transfer, the refusal byte contains the sides that windows counted: 1 = the debit, 2 = the credit, 3 =
-- both. In a transfer REJECTED by a limit, the settings version is the limit's number, the other balance its value, and
-- the other version what was left of it.
local RECORD = '<BBddddI4I4d'
local NONE, POSTED, REJECTED, REPLAYED, SAME_CALL, NEEDS_LOOKUP, MISSING, AHEAD, MEMBER_TAKEN = 0, 1, 2, 3, 4, 5, 6, 7, 8
local UNCHANGED, CLOCK_UNSURE, NO_CALENDAR, TRANSIT, STOPPED = 9, 10, 11, 12, 13
local function bare(status, detail, seq)
  return struct.pack(RECORD, status, detail, 0, 0, 0, 0, 0, 0, seq)
end
