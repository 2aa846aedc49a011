/** Measures transfers inside a shard and between two shards, on three shards of this machine, in alternating turns. */
import { flag, readCommandLine, wholeNumber } from '../app/config/command-line.mjs';
import { newUuidV7 } from '../app/domain/ids.ts';
import { exitOnSignals } from '../verification/harness/command.ts';
import { PrivateStack } from '../verification/harness/stack.ts';
import { nameInShard } from '../verification/load/shard-population.ts';
import { medianTurns, openPayers, post, printTurns } from './cost-turns.ts';

const SHARDS = 3;
const ACCOUNTS_PER_SHARD = 300;

exitOnSignals();
const { values } = readCommandLine({
  name: 'npx tsx loadtest/crossings.ts',
  about: 'Measures CPU time and latency of transfers inside a shard and between two shards, on three shards.',
  options: {
    saturate: flag('send as many transfers as possible instead of a fixed rate'),
    rate: wholeNumber('transfers per second', { min: 1, max: 100_000, fallback: 200 }),
    seconds: wholeNumber('length of each turn', { min: 1, max: 600, fallback: 15 }),
    rounds: wholeNumber('number of rounds, with a turn of each kind', { min: 1, max: 100, fallback: 5 }),
  },
});

await using stack = await PrivateStack.start({ env: { SHARDS: String(SHARDS) } });
const towns = Array.from({ length: SHARDS }, (_, shard) =>
  Array.from({ length: ACCOUNTS_PER_SHARD }, (_, index) => `load-${index}@${nameInShard(shard, SHARDS)}`),
);
await openPayers(stack.file, towns.flat());
const turns = {
  groups: [
    [{ name: 'inside a shard', request: () => transfer(0), status: 201 }],
    [{ name: 'between two shards', request: () => transfer(1 + random(SHARDS - 1)), status: 201 }],
  ],
  ...{ perSecond: values.saturate ? null : values.rate, seconds: values.seconds, rounds: values.rounds },
};
printTurns(await medianTurns(stack.file, turns), turns);

/** @param distance from the shard of the source to that of the destination */
function transfer(distance: number): Buffer {
  const from = random(SHARDS);
  const source = random(ACCOUNTS_PER_SHARD);
  const destination = (source + 1 + random(ACCOUNTS_PER_SHARD - 1)) % ACCOUNTS_PER_SHARD;
  return post(stack.file, '/v1/transfers', {
    transactionId: newUuidV7(Date.now()),
    sourceAccount: towns[from]?.[source],
    destinationAccount: towns[(from + distance) % SHARDS]?.[destination],
    amount: '0.01',
    currency: 'EUR',
  });
}

function random(below: number): number {
  return Math.floor(Math.random() * below);
}
