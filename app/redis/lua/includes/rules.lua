-- The rules of a transfer, the same as app/domain/rules.ts; a test compares them over random histories.
-- Refusals are numbered as in REFUSALS in app/domain/problem.ts.
local CURRENCY_MISMATCH, INSUFFICIENT_FUNDS, ACCOUNT_SUSPENDED, ACCOUNT_FROZEN, ACCOUNT_CLOSED, OUT_OF_RANGE = 1, 2, 3, 4, 5, 6
local LIMIT_EXCEEDED = 7
local REVERSAL = 1

-- 0 if the transfer is allowed, otherwise its refusal. Sums of two exact numbers are only compared. A sum outside the
-- exact range may be rounded, but never back into the range.
local function refusal_of(source, destination, amount, currency)
  if source.currency ~= currency or destination.currency ~= currency then return CURRENCY_MISMATCH end
  if source.status == CLOSED or destination.status == CLOSED then return ACCOUNT_CLOSED end
  if source.status == FROZEN or destination.status == FROZEN then return ACCOUNT_FROZEN end
  if source.status == SUSPENDED then return ACCOUNT_SUSPENDED end
  local left = source.balance - amount
  if source.external == 0 and left - (source.held or 0) < -source.overdraft then return INSUFFICIENT_FUNDS end
  if left < -EXACT_MAX or destination.balance + amount > EXACT_MAX then return OUT_OF_RANGE end
  return 0
end
