/** Measures the cost of change feed listeners: the same transfers without and with them, in alternating turns. */
import { once, setMaxListeners } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { readCommandLine, wholeNumber } from '../app/config/command-line.mjs';
import { exitOnSignals } from '../verification/harness/command.ts';
import { PrivateStack, type StackFile } from '../verification/harness/stack.ts';
import { until } from '../verification/harness/time.ts';
import { memoryBytes } from '../verification/harness/usage.ts';
import { openAccounts } from './bank.ts';
import { inTurns, type Runner, ratioFigures } from './ceiling/turns.ts';
import { commit, machine, round } from './measure.ts';
import { ours, overHttp } from './parts/ceilings.ts';
import { apiOf, type Bench } from './parts/part.ts';

const MIB = 1024 * 1024;
const EVENT = Buffer.from('data: ');
const OPENED_AT_ONCE = 50;
const OPEN_MS_MAX = 60_000;

exitOnSignals();
const { values } = readCommandLine({
  name: 'npx tsx loadtest/listeners.ts',
  about: 'Measures how much listeners of the change feed add to the cost of transfers in a pod.',
  options: {
    listeners: wholeNumber('number of idle listeners, each for a different account', {
      min: 1,
      max: 20_000,
      fallback: 1_000,
    }),
    seconds: wholeNumber('length of each turn', { min: 1, max: 600, fallback: 10 }),
    rounds: wholeNumber('number of rounds, with a turn of each kind', { min: 1, max: 100, fallback: 5 }),
    accounts: wholeNumber('number of accounts', { min: 1, max: 100_000, fallback: 10_000 }),
  },
});
const { listeners, seconds, rounds, accounts } = values;

const limit = String(2 * listeners);
await using stack = await PrivateStack.start({
  env: {
    EVENT_LISTENERS_MAX: limit,
    EVENT_LISTENERS_PER_USER_MAX: limit,
    CONNECTIONS_MAX: String(4 * listeners + 1_000),
  },
});
const bench: Bench = { stack: stack.file, accounts, seconds, turnSeconds: seconds };
await openAccounts(stack.file, accounts);
const server = ours(bench);

const idle = Array.from({ length: listeners }, (_, index) => `idle-${index}`);
const contenders: Runner[] = [
  overHttp('without listeners', bench, server),
  listening(`with ${listeners} idle listeners`, idle),
  listening('with one listener to all events', [null]),
];
const memory: string[] = [];
const rates = await inTurns(contenders, seconds, rounds);
console.log(`\n${machine()}, commit ${commit()}, medians of ${rounds} turns of ${seconds} s\n`);
for (const [what, value] of Object.entries(ratioFigures(rates))) console.log(`${what}: ${value}`);
console.log(`memory of the pod before and with idle listeners, MiB: ${memory.join(', ')}`);

/** Transfers while these listeners are connected. @param filters the account of each listener; null: all accounts */
function listening(name: string, filters: readonly (string | null)[]): Runner {
  const transfers = overHttp(name, bench, server);
  return {
    name,
    async run(turnSeconds) {
      const before = memoryBytes(server.pid);
      const stop = new AbortController();
      setMaxListeners(0, stop.signal);
      const counted = { events: 0 };
      for (let from = 0; from < filters.length; from += OPENED_AT_ONCE)
        await Promise.all(
          filters
            .slice(from, from + OPENED_AT_ONCE)
            .map((account) => listen(stack.file, account, stop.signal, counted)),
        );
      if (filters.length > 1) memory.push(`${round(before / MIB)} → ${round(memoryBytes(server.pid) / MIB)}`);
      const found = await transfers.run(turnSeconds);
      if (filters.includes(null)) await until('events arrive', OPEN_MS_MAX, () => counted.events > 0);
      stop.abort();
      return found;
    },
  };
}

/** Resolves when a stream on a connection of its own has begun, and then continues to read it. */
async function listen(
  file: StackFile,
  account: string | null,
  signal: AbortSignal,
  counted: { events: number },
): Promise<void> {
  const asked = request(`${apiOf(file)}/v1/events${account === null ? '' : `?account=${account}`}`, {
    agent: false,
    headers: { authorization: `Bearer ${file.apiKey}` },
    signal,
  });
  asked.on('error', () => {});
  const [response] = (await once(asked.end(), 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`the request for a stream was answered with ${response.statusCode}`);
  response.on('error', () => {});
  response.on('data', (bytes: Buffer) => {
    for (let at = bytes.indexOf(EVENT); at >= 0; at = bytes.indexOf(EVENT, at + 1)) counted.events += 1;
  });
}
