// `helm test`: transfers a cent from one account to another and back, repeats each transfer, and checks the balances.
// In a ledger with several shards, the cent goes around one account of each shard, so that every transfer is between
// two shards. A new pod cannot connect until its network policy is in force, and the authority may be moving. Like
// every client, the test therefore repeats the same request until it is answered, for up to a minute.
const { API, API_KEY, ACCOUNTS, SHARDS = '1' } = process.env;
const shards = Number(SHARDS);
const run = Date.now().toString(36);

/** Testing more shards would take too long. */
const SHARDS_TESTED_MAX = 32;
const SLOTS = 16_384;

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

/** The shard of an account: the CRC-16 of the text after the last `@` of its id, or of the whole id. */
function shardOf(accountId) {
  let crc = 0;
  for (const byte of Buffer.from(accountId.slice(accountId.lastIndexOf('@') + 1) || accountId)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return Math.floor(((crc % SLOTS) * shards) / SLOTS);
}

/** The accounts that the cent visits: both, or one in each of the tested shards. */
function accountsOf([one, other]) {
  if (shards === 1) return [one, other];
  const tested = Math.min(shards, SHARDS_TESTED_MAX);
  const wanted = new Set(Array.from({ length: tested }, (_, index) => Math.floor((index * shards) / tested)));
  const accounts = [];
  for (let number = -1; wanted.size > 0; number++) {
    const accountId = [one, other][number + 1] ?? `${one}-${number}`;
    if (wanted.delete(shardOf(accountId))) accounts.push(accountId);
  }
  return accounts;
}

const accounts = accountsOf(ACCOUNTS.split(','));
const balanceOf = async (accountId) => (await ask('GET', `/v1/accounts/${accountId}/balance`, null, 200)).balance;
const before = new Map();
for (const accountId of accounts) {
  // If the account already exists with the same content, the status is 200.
  const account = { accountId, currency: 'EUR', overdraftLimit: '1.00', name: 'helm test' };
  await ask('POST', '/v1/accounts', account, 200, 201);
  before.set(accountId, await balanceOf(accountId));
}
for (const [index, sourceAccount] of accounts.entries()) {
  const destinationAccount = accounts[(index + 1) % accounts.length];
  const transactionId = `helm-test-${run}-${index}`;
  const transfer = { transactionId, sourceAccount, destinationAccount, amount: '0.01', currency: 'EUR' };
  // The status is 200 if an attempt without an answer was posted after all.
  await ask('POST', '/v1/transfers', transfer, 201, 200);
  const again = await ask('POST', '/v1/transfers', transfer, 200);
  if (!again.replayed) throw new Error('the repeated transfer was not recognized');
}
for (const [accountId, balance] of before) {
  const after = await balanceOf(accountId);
  if (after !== balance) throw new Error(`the balance of ${accountId} changed from ${balance} to ${after}`);
}
console.log(
  `A cent was passed once around a ring of ${accounts.length} accounts${shards === 1 ? '' : ', each in a different shard'}.`,
);
