-- An account in Redis: 42 bytes, little endian.
--   balance d, version d, overdraft limit d, settings version I4, status B, external B, modified B, currency c3, seq d
-- `seq` is the journal's number of its last change, or of its installation while it is not `modified` in this epoch. An
-- account is clean, and may be evicted, if it is not modified or has seq <= cursor.
local ACCOUNT = '<dddI4BBBc3d'
local ACTIVE, SUSPENDED, FROZEN, CLOSED = 0, 1, 2, 3
