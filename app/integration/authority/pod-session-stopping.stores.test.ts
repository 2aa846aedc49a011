import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { NOT_HANDED_OVER } from '../../authority/pod/pod-session.ts';
import { CacheError } from '../../journal/cache-port.ts';
import { itemOf } from '../../journal/testing/epoch-under-test.ts';
import { until } from '../../kernel/testing/until.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { AWAY, PodBench } from '../testing/pod-bench.ts';

let db: TestDatabase;
let pod: PodBench;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  pod = await PodBench.start(db);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await pod.stop();
});

describe('A session that stops', () => {
  it('removes its registration and its process', async () => {
    await pod.serve();
    await until('it has reported', () => pod.reported());
    await pod.session.stop();
    expect([await pod.podIds(), await pod.store.livePods()]).toEqual([[], []]);
  });

  it('waits for the flush of what it received, and then removes its registration', async () => {
    const { caller } = await pod.serve();
    await pod.post();
    const stopped = pod.session.stop();
    await pod.flush();
    await stopped;
    expect([await pod.podIds(), await pod.handedOver(caller.epoch)]).toEqual([[], { ids: [], inDoubt: [], pods: {} }]);
  });

  it('applies nothing more when its registration is removed, and Redis rejects its ids', async () => {
    const { caller } = await pod.serve();
    const order = pod.order();
    const removePod = pod.store.removePod.bind(pod.store);
    const atRemoval: unknown[] = [];
    vi.spyOn(pod.store, 'removePod').mockImplementation(async (podId) => {
      atRemoval.push(
        pod.session.view(),
        await pod.scripts.apply(caller, [itemOf(order)]).catch((error: unknown) => error),
      );
      await removePod(podId);
    });
    await pod.session.stop();
    expect(atRemoval).toEqual([null, expect.objectContaining({ kind: 'refused', reason: 'retired' })]);
    expect(await pod.podIds()).toEqual([]);
  });

  it('hands over if Redis does not confirm that it no longer runs anything for the pod', async () => {
    const { caller } = await pod.serve();
    pod.retires = async () => {
      throw new CacheError('in_doubt', 'Command timed out');
    };
    const cuts = pod.cuts;
    await pod.session.stop();
    expect(pod.cuts).toBe(cuts + 1);
    expect(await pod.handedOver(caller.epoch)).toEqual({ ids: [], inDoubt: [], pods: { 'pod-1': 0 } });
  });

  it('hands over what it knows if the flush is stalled: nothing has to wait for it', async () => {
    const { caller } = await pod.serve();
    const id = await pod.post();
    pod.clock.hurries = true;
    await pod.session.stop();
    expect(await pod.handedOver(caller.epoch)).toEqual({ ids: [id], inDoubt: [], pods: { 'pod-1': 1 } });
    expect(await pod.store.livePods()).toEqual([]);
    await pod.closing();
    expect((await pod.recoverFromHandOvers()).mode).toBe('DIRECT');
  });

  it('hands over immediately if Redis is unavailable', async () => {
    const { caller } = await pod.serve();
    const id = await pod.post();
    pod.redis.disconnect();
    await pod.closed();
    await pod.session.stop();
    expect(await pod.handedOver(caller.epoch)).toEqual({ ids: [id], inDoubt: [], pods: { 'pod-1': 1 } });
  });

  it('hands over when it is retired while it waits for the flush', async () => {
    const { caller } = await pod.serve();
    const id = await pod.post();
    const stopped = pod.session.stop();
    // The first read may be the last of the session's loop; the second one happens while the session waits for the
    // flush.
    let reads = 0;
    pod.cache.always('read', async (run) => {
      if (++reads === 2) await pod.scripts.retire({ ...caller, fenceEpoch: caller.epoch }, caller.podId);
      return run();
    });
    await stopped;
    expect(reads).toBe(2);
    expect(await pod.handedOver(caller.epoch)).toEqual({ ids: [id], inDoubt: [], pods: { 'pod-1': 1 } });
  });

  it('retries the hand-over while MySQL fails, but not forever', async () => {
    const { caller } = await pod.serve();
    const id = await pod.post();
    let failures = 2;
    pod.clock.hurries = true;
    pod.keeps = async (kept) => {
      if (failures-- > 0) throw AWAY;
      await kept();
    };
    await pod.session.stop();
    expect((await pod.handedOver(caller.epoch)).ids).toEqual([id]);
  });

  it('hands over if MySQL cannot remove its registration, so that nothing has to wait for it', async () => {
    const { caller } = await pod.serve();
    pod.away = AWAY;
    await pod.session.stop();
    expect(await pod.handedOver(caller.epoch)).toEqual({ ids: [], inDoubt: [], pods: { 'pod-1': 0 } });
    await pod.closing();
    expect((await pod.recoverFromHandOvers()).mode).toBe('DIRECT');
  });

  it('ends even if MySQL is unavailable, and logs that it could not hand over', async () => {
    await pod.serve();
    pod.away = AWAY;
    pod.completes = async () => {
      throw AWAY;
    };
    pod.clock.hurries = true;
    await pod.session.stop();
    expect(pod.log.messages('error')).toEqual([NOT_HANDED_OVER]);
    expect(await pod.podIds()).toEqual(['pod-1']);
  });

  it('ends if MySQL rejects everything, and logs that something could not be handed over', async () => {
    await pod.serve();
    await pod.post();
    pod.keeps = async () => {
      throw AWAY;
    };
    pod.clock.hurries = true;
    await pod.session.stop();
    expect(pod.log.messages('error')).toEqual([NOT_HANDED_OVER]);
    expect(await pod.podIds()).toEqual(['pod-1']);
  });
});
