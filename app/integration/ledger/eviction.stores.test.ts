import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { accountOf, orderOf, posted, summaryOf } from '../../domain/testing/orders.ts';
import type { TransferOrder } from '../../domain/types.ts';
import type { CachedAccount } from '../../journal/account-codec.ts';
import { Gate } from '../../journal/testing/faulty-cache.ts';
import { type Pod, RealLedger } from '../testing/real-ledger.ts';

let stage: RealLedger;
let round = 0;
let world: string;
let ids: string[];

beforeAll(async () => {
  stage = await RealLedger.open({ redisPort: inject('redisPort'), mysqlUrl: inject('mysqlUrl') });
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(async () => {
  round += 1;
  world = `world-${round}`;
  ids = Array.from({ length: 300 }, (_, index) => `r${round}-${index}`);
  await stage.begin();
  await stage.open(accountOf(world), ...ids.map((id) => accountOf(id)));
});

const idOf = (index: number): string => ids[index % ids.length] ?? '';
const caller = () => ({ epoch: stage.epoch, format: 1 as const, replid: stage.replid, podId: `pod-${round}` });
async function cached(from: readonly string[]): Promise<CachedAccount[]> {
  const { accounts } = await stage.scripts.read(caller(), from);
  return accounts.filter((account) => account !== null);
}
/** Installs these accounts, like a pod that has just read them. */
const install = (from: readonly string[], { cursor = 0, max = 10 } = {}) =>
  stage.scripts.install(
    caller(),
    from.map((id) => accountOf(id)),
    cursor,
    max,
  );

describe('An evicted account', () => {
  it('is loaded again, in its latest state, for the next call that needs it', async () => {
    const pod = await stage.pod();
    await pod.apply([orderOf({ source: world, destination: idOf(0), amount: 70 })]);
    await stage.flush();
    await stage.scripts.register(caller(), stage.marker);
    // Room for one: everything else has to be evicted.
    await install([idOf(9)], { cursor: 1, max: 1 });
    expect(await cached([idOf(0), world])).toEqual([]);
    const [answer] = await pod.apply([orderOf({ source: idOf(0), destination: idOf(1), amount: 30 })]);
    expect(posted(answer).source).toEqual({ balance: 40, version: 2, settingsVersion: 1 });
  });
});

describe('Eviction', () => {
  beforeEach(() => stage.scripts.register(caller(), stage.marker));

  it('never removes changed accounts that are not in MySQL, even if there is no room for a new account', async () => {
    const pod = await stage.pod();
    const dirty = ids.slice(0, 10);
    await pod.apply(dirty.map((id) => orderOf({ source: world, destination: id })));
    const { accounts, evicted } = await install([idOf(50), idOf(51)], { max: 11 });
    expect([accounts, evicted]).toEqual([[null, null], 0]);
    expect(await cached([...dirty, world])).toHaveLength(11);
    await stage.flush();
    const after = await install([idOf(50), idOf(51)], { cursor: 10, max: 11 });
    expect([after.accounts.filter(Boolean).length, after.evicted]).toEqual([2, 2]);
  });

  it('removes unchanged accounts before changed ones', async () => {
    const pod = await stage.pod();
    await pod.apply([orderOf({ source: world, destination: idOf(0) })]);
    await install(ids.slice(1, 9));
    for (let index = 20; index < 60; index++) await install([idOf(index)]);
    expect((await cached([world, idOf(0)])).map(({ balance }) => balance)).toEqual([-100, 100]);
  });

  it('keeps accounts requested by the same call', async () => {
    await install(ids.slice(0, 10));
    const { accounts } = await install(ids.slice(5, 15));
    expect(accounts.map((account) => account?.accountId)).toEqual(ids.slice(5, 15));
    expect((await cached(ids.slice(0, 20))).map(({ accountId }) => accountId)).toEqual(ids.slice(5, 15));
  });

  it('leaves a cached account unchanged, whatever an older snapshot contains', async () => {
    const pod = await stage.pod();
    await pod.apply([orderOf({ source: world, destination: idOf(0), amount: 5 })]);
    const { accounts } = await install([idOf(0)]);
    expect(accounts[0]).toMatchObject({ balance: 5, version: 1, modified: true });
  });

  it('shrinks the cache to a lowered limit, and then has room again', async () => {
    await install(ids.slice(0, 200), { max: 200 });
    const { accounts } = await install([idOf(250)], { max: 10 });
    expect(accounts[0]).not.toBeNull();
    expect(await cached(ids)).toHaveLength(10);
  });
});

describe('A snapshot of MySQL', () => {
  it('that is older than what Redis has evicted is rejected: a pod reads version 5 and pauses while version 6 is evicted', async () => {
    const limits = { cachedAccountsMax: 2 };
    const [p, q] = [await stage.pod(limits), await stage.pod(limits)];
    const id = idOf(0);
    await q.apply([orderOf({ source: world, destination: id, amount: 5 })]);
    await stage.flush();
    await stage.begin();
    const [slow, quick] = [await stage.pod(limits), await stage.pod(limits)];
    const pause = new Gate();
    slow.reader.delayed = () => pause.command(async () => {});
    const paused = slow.apply([orderOf({ source: id, destination: world, amount: 1 })]);
    await pause.reached;
    expect((await quick.apply([orderOf({ source: world, destination: id, amount: 6 })])).map(summaryOf)).toEqual([
      'POSTED',
    ]);
    await stage.flush();
    await expect
      .poll(async () => {
        await quick.ledger.read([idOf(20 + Math.floor(Math.random() * 200))]);
        const { accounts, head } = await stage.scripts.read(quick.caller, [id]);
        return [accounts[0], head.evictedUpTo];
      })
      .toEqual([null, 1]);
    pause.open();
    const [answer] = await paused;
    expect(posted(answer).source).toEqual({ balance: 10, version: 3, settingsVersion: 1 });
    expect(slow.events.counts.retried).toBeGreaterThan(0);
    expect(slow.reader.reads.accounts).toBeGreaterThan(1);
    expect(p.session.suspicions).toEqual([]);
  });

  it('is accepted if it is at or above the seq up to which Redis has evicted, and rejected below it', async () => {
    const pod = await stage.pod();
    await stage.scripts.register(caller(), stage.marker);
    await pod.apply([orderOf({ source: world, destination: idOf(0) })]);
    await stage.flush();
    await install([idOf(1)], { cursor: 1, max: 1 });
    await install([idOf(2)], { cursor: 1, max: 1 });
    await install([idOf(3)], { cursor: 1, max: 1 });
    await expect(install([idOf(4)], { cursor: 0, max: 10 })).rejects.toMatchObject({ kind: 'stale' });
    expect(await cached([idOf(4)])).toEqual([]);
    expect((await install([idOf(4)], { cursor: 1, max: 10 })).accounts[0]).not.toBeNull();
  });
});

describe('A cache of 10 accounts with transfers among 300, flushed continuously', () => {
  it('gives every transfer its correct outcome, loses nothing, and the sums are zero', async () => {
    const limits = { cachedAccountsMax: 10, requestTimeoutMs: 25_000 };
    const pods = [await stage.pod(limits), await stage.pod(limits)];
    const stopped = new AbortController();
    const flushing = stage.flusher().run(() => stage.keeper, stopped.signal);
    const answered = new Map<string, string>();
    /** Retries until there is an outcome, as a client would: `backlog_full` means that all of the cache was dirty. */
    const insist = async (pod: Pod, orders: TransferOrder[]) => {
      let open = orders;
      for (let tries = 0; open.length > 0 && tries < 1_000; tries++) {
        const answers = await pod.apply(open);
        open.forEach(({ transactionId }, index) => {
          answered.set(transactionId, summaryOf(answers[index]));
        });
        open = open.filter(({ transactionId }) => answered.get(transactionId) === 'backlog_full');
      }
      return orders.map(({ transactionId }) => answered.get(transactionId));
    };
    const work = async (pod: Pod, from: number) => {
      for (let turn = 0; turn < 40; turn++) {
        const at = from + turn * 7;
        const some = [
          orderOf({ source: world, destination: idOf(at), amount: 10 }),
          orderOf({ source: idOf(at), destination: idOf(at + 3), amount: 4 }),
          orderOf({ source: idOf(at + 1), destination: idOf(at + 5), amount: 1_000_000 }),
        ];
        const [deposit, payment, million] = await insist(pod, some);
        expect([deposit, million]).toEqual(['POSTED', 'insufficient_funds']);
        expect(['POSTED', 'insufficient_funds']).toContain(payment);
      }
    };
    await Promise.all(pods.flatMap((pod, n) => [work(pod, 40 * n), work(pod, 40 * n + 150)]));
    stopped.abort();
    await flushing;
    await stage.flush();

    expect(answered.size).toBe(4 * 40 * 3);
    expect(pods.some((pod) => pod.events.counts.evicted > 50)).toBe(true);
    const { accounts } = await stage.scripts.read(pods[0]?.caller ?? caller(), [...ids, world]);
    expect(accounts.filter(Boolean).length).toBeLessThanOrEqual(10);

    const rows = await stage.database.rows<{ transaction_id: string; outcome: string }>(
      'SELECT transaction_id, COALESCE(refusal, status) AS outcome FROM transfers WHERE transaction_id IN (?)',
      [[...answered.keys()]],
    );
    expect(new Map(rows.map((row) => [row.transaction_id, row.outcome]))).toEqual(answered);
    const [sum] = await stage.database.rows<{ total: number; unequal: number }>(
      `SELECT SUM(a.balance) AS total,
         SUM(a.balance <> COALESCE((SELECT SUM(p.amount) FROM postings p WHERE p.account_id = a.account_id), 0)
          OR a.version <> (SELECT COUNT(*) FROM postings p WHERE p.account_id = a.account_id)
          OR (a.external = 0 AND a.balance < 0)) AS unequal
       FROM accounts a WHERE a.account_id = ? OR a.account_id IN (?)`,
      [world, ids],
    );
    expect(Number(sum?.total)).toBe(0);
    expect(Number(sum?.unequal)).toBe(0);
  });
});
