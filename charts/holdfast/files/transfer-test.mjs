// `helm test`: transfers a cent from one account to another and back, repeats each transfer, and checks the balance.
const { API, API_KEY, ACCOUNTS } = process.env;
const [one, other] = ACCOUNTS.split(',');
const run = Date.now().toString(36);

async function ask(method, path, body, ...wanted) {
  const response = await fetch(API + path, {
    method,
    headers: { Authorization: `Bearer ${API_KEY}`, 'Content-Type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(15_000),
  });
  const answer = await response.json();
  console.log(method, path, response.status, answer.code ?? '');
  if (!wanted.includes(response.status)) throw new Error(`${response.status} is unexpected: ${answer.detail}`);
  return answer;
}

// If the account already exists with the same content, the status is 200.
for (const accountId of [one, other]) {
  await ask(
    'POST',
    '/v1/accounts',
    { accountId, currency: 'EUR', overdraftLimit: '1.00', name: 'helm test' },
    200,
    201,
  );
}
const before = await ask('GET', `/v1/accounts/${one}/balance`, null, 200);
for (const [way, sourceAccount, destinationAccount] of [
  ['there', one, other],
  ['back', other, one],
]) {
  const transfer = {
    transactionId: `helm-test-${run}-${way}`,
    sourceAccount,
    destinationAccount,
    amount: '0.01',
    currency: 'EUR',
  };
  await ask('POST', '/v1/transfers', transfer, 201);
  const again = await ask('POST', '/v1/transfers', transfer, 200);
  if (!again.replayed) throw new Error('the repeated transfer was not recognized');
}
const after = await ask('GET', `/v1/accounts/${one}/balance`, null, 200);
if (after.balance !== before.balance) throw new Error(`the balance changed from ${before.balance} to ${after.balance}`);
console.log('A cent was transferred once in each direction.');
