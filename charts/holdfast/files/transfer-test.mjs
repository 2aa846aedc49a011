// `helm test`: transfers a cent from one account to another and back, repeats each transfer, and checks the balance.
// A new pod cannot connect until its network policy is in force, and the authority may be moving. Like every client,
// the test therefore repeats the same request until it is answered, for up to a minute.
const { API, API_KEY, ACCOUNTS } = process.env;
const [one, other] = ACCOUNTS.split(',');
const run = Date.now().toString(36);

const WAIT_MS_MAX = 5_000;
const giveUpAt = performance.now() + 60_000;
const isTransient = (status) => status === 429 || status >= 500;

async function once(method, path, body) {
  try {
    const response = await fetch(API + path, {
      method,
      headers: { Authorization: `Bearer ${API_KEY}`, 'Content-Type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(15_000),
    });
    const text = await response.text();
    console.log(method, path, response.status, text.slice(0, 300));
    // A proxy in between may answer without JSON.
    return { status: response.status, answer: isTransient(response.status) ? { detail: text } : JSON.parse(text) };
  } catch (error) {
    const detail = error.cause?.code ?? error.message;
    console.log(method, path, detail);
    return { status: 503, answer: { detail } };
  }
}

async function ask(method, path, body, ...wanted) {
  for (let waitMs = 200; ; waitMs = Math.min(2 * waitMs, WAIT_MS_MAX)) {
    const { status, answer } = await once(method, path, body);
    if (wanted.includes(status)) return answer;
    if (!isTransient(status) || performance.now() > giveUpAt)
      throw new Error(`${status} is unexpected: ${answer.detail}`);
    await new Promise((resolve) => setTimeout(resolve, waitMs * (0.5 + Math.random())));
  }
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
  // The status is 200 if an attempt without an answer was posted after all.
  await ask('POST', '/v1/transfers', transfer, 201, 200);
  const again = await ask('POST', '/v1/transfers', transfer, 200);
  if (!again.replayed) throw new Error('the repeated transfer was not recognized');
}
const after = await ask('GET', `/v1/accounts/${one}/balance`, null, 200);
if (after.balance !== before.balance) throw new Error(`the balance changed from ${before.balance} to ${after.balance}`);
console.log('A cent was transferred once in each direction.');
