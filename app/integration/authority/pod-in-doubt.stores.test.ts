import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { summaryOf } from '../../domain/testing/orders.ts';
import { commandLost, Gate, passing } from '../../journal/testing/faulty-cache.ts';
import { until } from '../../kernel/testing/until.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { AWAY, PodBench } from '../testing/pod-bench.ts';

let db: TestDatabase;
let pod: PodBench;
let epoch: number;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  pod = await PodBench.start(db);
  epoch = (await pod.serve()).caller.epoch;
});
afterEach(async () => {
  vi.restoreAllMocks();
  await pod.stop();
});

describe('In-doubt attempts without a reply', () => {
  async function inDoubt(): Promise<string> {
    const one = pod.order();
    pod.cache.always('apply', commandLost);
    const view = pod.view();
    const answered = pod.apply(one);
    await until('it is in doubt', () => view.inDoubt.size === 1);
    pod.clock.push(11_000);
    expect((await answered).map(summaryOf)).toEqual(['outcome_unknown']);
    pod.cache.always('apply', passing);
    await pod.open();
    return one.transactionId;
  }
  const inDoubtCount = () => pod.view().inDoubt.size;

  it('are ended after a while by a new pod id: under the old one nothing can run anymore', async () => {
    const id = await inDoubt();
    const { caller } = pod.view();
    pod.clock.push(20_000);
    const after = await until('it has another id', () => {
      const view = pod.session.view();
      return view?.caller.podId === 'pod-2' ? view : null;
    });
    await until('nothing is in doubt', () => after.inDoubt.none);
    await expect(pod.scripts.read(caller, [])).rejects.toMatchObject({ kind: 'refused', reason: 'retired' });
    await pod.closing();
    expect((await pod.everythingHandedOver(epoch)).inDoubt).not.toContain(id);
  });

  it('are in doubt until everything that may have been written under the old id is in MySQL', async () => {
    await pod.post();
    await inDoubt();
    pod.clock.push(20_000);
    await until('it has another id', () => pod.session.podId === 'pod-2');
    await pod.open();
    const asked = vi.spyOn(pod.cache, 'read');
    await until('it has read the authority again', () => asked.mock.calls.length > 2);
    expect(inDoubtCount()).toBe(1);
    await pod.flush();
    await until('nothing is in doubt', () => inDoubtCount() === 0);
  });

  it('require only one new id, no matter how long the flush is stalled', async () => {
    await pod.post();
    await inDoubt();
    for (let n = 0; n < 5; n++) {
      pod.clock.push(31_000);
      const looks = vi.spyOn(pod.store, 'read');
      await until('it has read the authority again', () => looks.mock.calls.length > 1);
      looks.mockRestore();
      await pod.open();
    }
    expect(pod.session.podId).toBe('pod-2');
    expect(inDoubtCount()).toBe(1);
  });

  it('stay in doubt while MySQL is unavailable: no new id can be registered', async () => {
    await inDoubt();
    pod.away = AWAY;
    pod.clock.push(31_000);
    const asked = vi.spyOn(pod.cache, 'read');
    await until('it has read the authority again', () => asked.mock.calls.length > 2);
    expect([pod.session.podId, inDoubtCount()]).toEqual(['pod-1', 1]);
    pod.away = null;
    await until('it has another id', () => pod.session.podId === 'pod-2');
  });

  it('may stay in doubt while no new id is available: the pod keeps working under its current one', async () => {
    await inDoubt();
    const register = vi.spyOn(pod.store, 'register').mockRejectedValue(AWAY);
    const opened = pod.opened;
    pod.clock.push(31_000);
    const looks = vi.spyOn(pod.store, 'read');
    await until('it has tried', () => register.mock.calls.length > 0 && looks.mock.calls.length > 3);
    // The attempt to get another id may still be in progress.
    await expect
      .poll(() => [pod.session.podId, pod.session.view()?.caller.podId, pod.opened])
      .toEqual(['pod-1', 'pod-1', opened]);
    await pod.post();
    register.mockRestore();
    pod.clock.push(31_000);
    await until('it has another id', () => pod.session.view()?.caller.podId !== 'pod-1');
    await pod.post();
  });

  it('include those of requests in progress when the id changed: each is made once', async () => {
    const { caller } = pod.view();
    const gate = new Gate();
    pod.cache.next('apply', gate.reply);
    const answered = pod.apply(pod.order());
    await gate.reached;
    await pod.scripts.retire({ ...caller, fenceEpoch: epoch }, 'pod-1');
    await until('it has another id', () => pod.session.view()?.caller.podId === 'pod-2');
    gate.open();
    expect((await answered).map(summaryOf)).toEqual(['POSTED']);
    expect((await pod.ledger.read(['ada']))[0]).toMatchObject({ balance: 100, version: 1 });
    expect(pod.view().inDoubt.none).toBe(true);
  });
});
