/** Compares placing and capturing holds with transfers, in alternating turns. */
import { readCommandLine, wholeNumber } from '../app/config/command-line.mjs';
import { newUuidV7 } from '../app/domain/ids.ts';
import { exitOnSignals } from '../verification/harness/command.ts';
import { PrivateStack } from '../verification/harness/stack.ts';
import { medianTurns, openPayers, post, printTurns } from './cost-turns.ts';

const ACCOUNTS = 1000;

exitOnSignals();
const { values } = readCommandLine({
  name: 'npx tsx loadtest/holds.ts',
  about: 'Measures the CPU time and latency of placing a hold, capturing it, and posting a transfer.',
  options: {
    rate: wholeNumber('requests per second', { min: 1, max: 100_000, fallback: 2000 }),
    seconds: wholeNumber('length of each turn', { min: 1, max: 600, fallback: 5 }),
    rounds: wholeNumber('number of rounds, with a turn of each kind', { min: 1, max: 100, fallback: 5 }),
  },
});

// The search index would add to the work of MySQL.
await using stack = await PrivateStack.start({ env: { SEARCH: 'off' } });
await openPayers(
  stack.file,
  Array.from({ length: ACCOUNTS }, (_, index) => `load-${index}`),
);
/** Ids of the holds that have been placed but not captured yet. */
const placed: string[] = [];
const turns = {
  groups: [
    [{ name: 'transfer', request: transfer, status: 201 }],
    [
      { name: 'placing', request: place, status: 201 },
      { name: 'capture', request: capture, status: 201 },
    ],
  ],
  ...{ perSecond: values.rate, seconds: values.seconds, rounds: values.rounds },
};
const found = await medianTurns(stack.file, turns);
printTurns(found, turns);
console.log(`\nPlacing and capturing a hold, compared with a transfer:`);
for (const [name, cost] of Object.entries(found.get('transfer') ?? {}))
  if (name.includes('µs')) console.log(`${name}: ${((of('placing', name) + of('capture', name)) / cost).toFixed(2)}`);

function of(kind: string, name: string): number {
  return found.get(kind)?.[name] ?? Number.NaN;
}

function transfer(): Buffer {
  const [sourceAccount, destinationAccount] = accounts();
  return post(stack.file, '/v1/transfers', {
    ...{ transactionId: newUuidV7(Date.now()), sourceAccount, destinationAccount, amount: '0.01', currency: 'EUR' },
  });
}

function place(): Buffer {
  const [account, destinationAccount] = accounts();
  const holdId = newUuidV7(Date.now());
  placed.push(holdId);
  return post(stack.file, '/v1/holds', { holdId, account, destinationAccount, amount: '0.01', currency: 'EUR' });
}

function capture(): Buffer {
  return post(stack.file, `/v1/holds/${placed.shift()}/capture`, { transactionId: newUuidV7(Date.now()) });
}

function accounts(): [source: string, destination: string] {
  const source = Math.floor(Math.random() * ACCOUNTS);
  const destination = (source + 1 + Math.floor(Math.random() * (ACCOUNTS - 1))) % ACCOUNTS;
  return [`load-${source}`, `load-${destination}`];
}
