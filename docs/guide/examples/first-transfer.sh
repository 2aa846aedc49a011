# Store the id before the first attempt: whoever sends the same id again gets the same outcome.
ID=$(cat /proc/sys/kernel/random/uuid)
curl -s "$API/v1/transfers" -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \
  -d '{"transactionId": "'"$ID"'", "sourceAccount": "demo-alice", "destinationAccount": "demo-bob",
       "amount": "12.34", "currency": "EUR", "reference": "Invoice 7"}'
