-- Reads the balances of uniformly chosen accounts. Arguments: API key, number of accounts
local accounts, headers

function init(args)
  accounts = tonumber(args[2])
  headers = { ['Authorization'] = 'Bearer ' .. args[1] }
end

function request()
  return wrk.format('GET', string.format('/v1/accounts/load-%05d/balance', math.random(0, accounts - 1)), headers)
end
