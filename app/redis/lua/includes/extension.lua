-- Accounts as they are stored and returned, with their extension (includes/layout.lua).
local function extension_of(blob)
  return string.sub(blob, ACCOUNT_BYTES + 1)
end
-- An account in a reply: a byte with its length and the account, or a zero byte if there is none.
local function sized(blob)
  return blob and string.char(#blob) .. blob or '\0'
end
