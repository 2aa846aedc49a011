import { afterAll, beforeAll, expect, it } from 'vitest';
import { account, order } from '../../journal/testing/epoch-under-test.ts';
import { attempt, BY, RecoveryBench } from './testing/recovery-bench.ts';

const OUTCOMES = 100_000;
const PER_CALL = 500;
const ATTEMPTS = 5_000;
/** Each step takes a few seconds on an idle machine; a quadratic algorithm would take an hour. */
const MS_MAX = 240_000;
const PEOPLE = Array.from({ length: 2_000 }, (_, n) => `p${n}`);

let bench: RecoveryBench;
beforeAll(async () => {
  bench = await RecoveryBench.start();
});
afterAll(() => bench.db.drop());

const person = (n: number): string => PEOPLE[n % PEOPLE.length] ?? '';

it('100,000 outcomes and 5,000 in-doubt attempts are handed over, recovered, posted late and deleted within seconds', async () => {
  await bench.begin(
    ['pod'],
    [...PEOPLE, 'x', 'y'].map((id) => account(id, { overdraftLimit: 1_000_000_000 })),
  );
  const metadata = { note: 'a reference of a realistic length, as clients send them' };
  await bench.epoch.apply(order('d0', { source: 'x', destination: 'y' }));
  for (let from = 0; from < OUTCOMES; from += PER_CALL) {
    const orders = Array.from({ length: PER_CALL }, (_, n) => ({ n: from + n }));
    await bench.epoch.apply(
      ...orders.map(({ n }) =>
        order(`t${n}`, { source: person(n), destination: person(n * 7 + 1), amount: 5, metadata }),
      ),
    );
  }
  const { entries } = await bench.epoch.cache.journal(bench.epoch.keeper, 0, OUTCOMES + 1);
  const closing = await bench.closing();
  const took: Record<string, number> = {};
  const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const started = performance.now();
    const result = await work();
    took[what] = Math.round(performance.now() - started);
    return result;
  };
  const inDoubt = Array.from({ length: ATTEMPTS }, (_, n) => attempt(`d${n}`, 'x', 'y'));
  // The first entry is missing, so all others are above the cursor and are looked up again during
  // the late recovery.
  await timed('hand-over', () => bench.handOver('pod', entries.slice(1), inDoubt, OUTCOMES + 1));
  const recovered = await timed('recovery', () => bench.recover(closing));
  if (!recovered || !('authority' in recovered)) throw new Error('all pods have handed over');
  expect(recovered.authority).toMatchObject({ cacheEpoch: 1, highestKnownSeq: OUTCOMES + 1 });
  const count = async () => {
    const [row] = await bench.db.database.rows<{ n: number }>('SELECT COUNT(*) AS n FROM transfers');
    return row?.n;
  };
  expect(await count()).toBe(OUTCOMES);
  const late = await timed('late', () => bench.late(recovered.authority, entries, OUTCOMES + 1, { pageEntries: 40 }));
  if (!late) throw new Error('the authority has moved');
  expect(await count()).toBe(OUTCOMES + 1);
  const rebuilding = await bench.authority.move(late, 'REBUILDING', BY);
  if (!rebuilding) throw new Error('the authority has moved');
  const server = { cacheEpoch: rebuilding.epoch + 1, redisNode: '', replid: 'r', marker: 'm' };
  expect(await timed('activate', () => bench.recoveryStore.activate(rebuilding, server, BY))).toMatchObject({
    mode: 'CACHE',
  });
  for (const ms of Object.values(took)) expect(ms).toBeLessThan(MS_MAX);
}, 1_200_000);
