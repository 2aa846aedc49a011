import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Keeper } from '../../authority/keeper/keeper.ts';
import type { JournalEntry } from '../../journal/journal-entry.ts';
import { type EpochUnderTest, order } from '../../journal/testing/epoch-under-test.ts';
import { done } from '../../mysql/authority/testing/recovery-bench.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import type { RedisScripts } from '../../redis/redis-scripts.ts';
import { BY, staysIn, stepTo } from '../testing/keeper-bench.ts';
import { RestartableBench } from '../testing/restartable-bench.ts';

let db: TestDatabase;
let bench: RestartableBench;
let keeper: Keeper;
let epoch: EpochUnderTest<RedisScripts>;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  bench = await RestartableBench.start(db);
  keeper = bench.keeper();
  epoch = await bench.serve(keeper);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await bench.stop();
});

/** Each transfer is one call, and therefore one entry. */
async function post(...ids: string[]): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = [];
  for (const id of ids) entries.push(...(await epoch.apply(order(id))).entries);
  return entries;
}
const attempt = (id: string, ...accounts: string[]) => ({ kind: 'transfers' as const, id, accounts });

/** Redis dies, and a keeper notices. */
async function lose(): Promise<void> {
  await bench.server.kill();
  await keeper.step();
  bench.clock.push(61_000);
  expect(await stepTo(keeper, 'CLOSING')).toMatchObject({ cacheEpoch: epoch.pod.epoch });
}

describe('Redis is gone', () => {
  it('and every pod has handed over: the ledger opens on MySQL, with everything that was acknowledged', async () => {
    const entries = await post('t1', 't2', 't3');
    await lose();
    await staysIn(keeper, 'CLOSING');
    await bench.handOver(epoch.pod, { entries, observed: 3 });
    expect(await keeper.step()).toMatchObject({ mode: 'DIRECT', cacheEpoch: null, highestKnownSeq: null });
    expect(await bench.inMysql(['t1', 't2', 't3'])).toHaveLength(3);
    expect(await bench.account('ada')).toEqual({ balance: 300, version: 3, frozen: false });
    // The ledger stays open on MySQL while Redis is unavailable.
    await staysIn(keeper, 'DIRECT');
  });

  it('and one of two pods has not handed over: the ledger stays closed, and what the other handed over is not posted', async () => {
    const entries = await post('t1');
    await bench.authority.register('other', epoch.pod.epoch);
    await lose();
    await bench.handOver(epoch.pod, { entries });
    await staysIn(keeper, 'CLOSING');
    expect(bench.complaints()).toEqual(['closed until these pods hand over what they know: other']);
    expect(await bench.inMysql(['t1'])).toEqual([]);
    // The last hand-over arrives late.
    await bench.handOver({ epoch: epoch.pod.epoch, podId: 'other' }, {});
    expect(await keeper.step()).toMatchObject({ mode: 'DIRECT' });
    expect(await bench.inMysql(['t1'])).toEqual(['t1']);
  });

  it('and more is missing than in-doubt attempts explain: the ledger stays closed', async () => {
    const [first] = await post('t1', 't2', 't3');
    await lose();
    await bench.handOver(epoch.pod, {
      entries: first ? [first] : [],
      observed: 3,
      inDoubt: [attempt('t2', 'world', 'ada')],
    });
    await staysIn(keeper, 'CLOSING');
    expect(bench.complaints()).toEqual([
      expect.stringMatching(/^closed: more is missing .*"missing":2,"inDoubt":1,"highestKnownSeq":3/),
    ]);
    // The epoch can still be recovered from its journal.
    await bench.restart();
    await stepTo(keeper, 'CACHE');
    expect(await bench.inMysql(['t1', 't2', 't3'])).toHaveLength(3);
  });

  it('with its disk: its replacement is not trusted, but the data that the pods handed over is', async () => {
    const entries = await post('t1', 't2');
    await lose();
    rmSync(join(bench.server.dir, bench.server.node), { recursive: true });
    await bench.restart();
    await staysIn(keeper, 'CLOSING');
    expect(bench.complaints()).toContain('this Redis does not have the marker of the epoch');
    await bench.handOver(epoch.pod, { entries, observed: 2 });
    expect(await keeper.step()).toMatchObject({ mode: 'DIRECT', cacheEpoch: null });
    expect(await bench.inMysql(['t1', 't2'])).toHaveLength(2);
  });

  it('and it returns before the pods have handed over: the ledger is recovered from its journal, without them', async () => {
    await post('t1', 't2');
    await lose();
    await bench.restart();
    expect(await keeper.step()).toMatchObject({ mode: 'REBUILDING' });
    expect(await bench.inMysql(['t1', 't2'])).toHaveLength(2);
  });

  it('and an in-doubt attempt took effect: it is posted once, although the journal contains it, too', async () => {
    const entries = await post('t1', 't2');
    await lose();
    await bench.handOver(epoch.pod, { entries: entries.slice(0, 1), inDoubt: [attempt('t2', 'world', 'ada')] });
    await bench.restart();
    // A keeper that has lost Redis still checks it first: the journal is more complete than what the pods have.
    expect(await keeper.step()).toMatchObject({ mode: 'REBUILDING' });
    expect(await bench.account('ada')).toEqual({ balance: 200, version: 2, frozen: false });
  });

  it('and it hangs: a step does not wait for it once every pod has handed over', async () => {
    const entries = await post('t1');
    await lose();
    await bench.handOver(epoch.pod, { entries });
    vi.spyOn(bench.redis, 'info').mockImplementation(() => new Promise(() => {}));
    // A step that waited for the reply would never end.
    expect(await keeper.step()).toMatchObject({ mode: 'DIRECT' });
  });
});

describe('Accounts that wait for the journal', () => {
  /** The reply to t3 was lost with Redis: it is in doubt, and t4 depends on it. */
  async function freeze(): Promise<void> {
    const [one, two] = await post('t1', 't2');
    const [lost] = (await epoch.apply(order('t3', { destination: 'bob' }))).entries;
    const [four] = await post('t4');
    if (!one || !two || !lost || !four) throw new Error('no entry');
    await lose();
    const inDoubt = [attempt('t3', 'world', 'bob')];
    await bench.handOver(epoch.pod, { entries: [one, two, four], inDoubt, observed: 4 });
    expect(await keeper.step()).toMatchObject({
      mode: 'DIRECT',
      cacheEpoch: epoch.pod.epoch,
      highestKnownSeq: 4,
      marker: expect.stringMatching(/./),
    });
  }
  beforeEach(freeze);

  it('are frozen, together with all that depend on what is missing, while the ledger is open for the others', async () => {
    expect(await bench.inMysql(['t1', 't2', 't3', 't4'])).toEqual(['t1', 't2']);
    expect(await bench.account('ada')).toEqual({ balance: 200, version: 2, frozen: true });
    expect(await bench.account('bob')).toEqual({ balance: 0, version: 0, frozen: true });
    await staysIn(keeper, 'DIRECT');
  });

  it('are recovered from the journal when Redis returns, and only then does the authority move to the cache', async () => {
    await bench.restart();
    expect(await keeper.step()).toMatchObject({
      mode: 'DIRECT',
      cacheEpoch: null,
      marker: null,
      highestKnownSeq: null,
    });
    expect(await bench.inMysql(['t1', 't2', 't3', 't4'])).toHaveLength(4);
    expect(await bench.account('ada')).toEqual({ balance: 300, version: 3, frozen: false });
    expect(await bench.account('bob')).toEqual({ balance: 100, version: 1, frozen: false });
    expect(await bench.account('world')).toEqual({ balance: -400, version: 4, frozen: false });
    await stepTo(keeper, 'CACHE');
  });

  it('are recovered only once, even by two concurrent keepers', async () => {
    await bench.restart();
    const all = ['a', 'b', 'c'].map((id) => bench.keeper(id));
    await Promise.all(all.map((one) => stepTo(one, 'CACHE')));
    expect(await bench.account('world')).toEqual({ balance: -400, version: 4, frozen: false });
    const reasons = (await bench.moves()).map(({ reason }) => reason);
    expect(reasons.filter((reason) => reason.startsWith('frozen accounts recovered'))).toHaveLength(1);
  });

  it('stay frozen while an empty Redis responds', async () => {
    rmSync(join(bench.server.dir, bench.server.node), { recursive: true });
    await bench.restart();
    await staysIn(keeper, 'DIRECT');
    expect(await bench.account('ada')).toMatchObject({ frozen: true });
    expect(bench.complaints()).toEqual(['this Redis does not have the marker of the epoch']);
  });

  it('stay frozen while the Redis that responds is behind what a pod received', async () => {
    await db.database.rows('UPDATE authority SET bound = 5');
    await bench.restart();
    await staysIn(keeper, 'DIRECT');
    expect(await bench.account('ada')).toMatchObject({ frozen: true });
    expect(bench.complaints()).toEqual(['this Redis is behind MySQL, or behind what its pods have seen']);
  });

  it('stay frozen while a replica responds, or a Redis fenced by another ledger', async () => {
    await bench.restart();
    await bench.redis.call('ACL', 'SETUSER', 'default', '+@all');
    await bench.redis.replicaof('127.0.0.1', 1);
    await staysIn(keeper, 'DIRECT');
    await bench.redis.replicaof('NO', 'ONE');
    await bench.redis.set(`${bench.prefix}:{0}:fence`, '99');
    await staysIn(keeper, 'DIRECT');
    expect(await bench.account('ada')).toMatchObject({ frozen: true });
    expect(bench.complaints()).toEqual(['the fence of this Redis is at 99']);
  });

  it('stay frozen if the journal contradicts what MySQL has', async () => {
    await db.database.rows("UPDATE accounts SET version = 7 WHERE account_id = 'bob'");
    await bench.restart();
    await expect(keeper.step()).rejects.toThrow('transfer t3 was decided on 0/1 of account bob, which is at 7/1');
    expect(await bench.authority.read()).toMatchObject({ mode: 'DIRECT', cacheEpoch: epoch.pod.epoch });
    expect(await bench.account('ada')).toMatchObject({ balance: 200, frozen: true });
  });

  it('are released when an operator accepts the loss, and the authority moves on', async () => {
    const now = await bench.authority.read();
    await done(() => bench.recoveryStore.acceptLoss(now, BY));
    expect(await bench.account('ada')).toEqual({ balance: 200, version: 2, frozen: false });
    // A Redis that returns now belongs to an epoch that nothing waits for.
    await bench.restart();
    await stepTo(keeper, 'CACHE');
    expect(await bench.inMysql(['t1', 't2', 't3', 't4'])).toEqual(['t1', 't2']);
  });
});
