import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import { summaryOf } from '../../domain/testing/orders.ts';
import { CacheError } from '../../journal/cache-port.ts';
import { commandLost, failing, Gate, passing, replyLost } from '../../journal/testing/faulty-cache.ts';
import { until } from '../../kernel/testing/until.ts';
import { MysqlHandOverStore } from '../../mysql/authority/hand-over-store.ts';
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

describe('At the end of its epoch, a pod', () => {
  it('stops, hands over what it has received, and waits; then it works wherever the ledger opens', async () => {
    const ids = [await pod.post(), await pod.post()];
    await pod.closing();
    expect(await pod.everythingHandedOver(epoch)).toEqual({ ids, inDoubt: [], pods: { 'pod-1': 2 } });
    expect([pod.session.view(), pod.session.direct(), pod.opened]).toEqual([null, null, 1]);
    const held = pod.apply(pod.order());
    await pod.recoverFromHandOvers();
    await pod.openDirectly();
    expect((await held).map(summaryOf)).toEqual(['POSTED']);
    await pod.activate();
    expect((await pod.open()).caller.podId).toBe('pod-2');
    expect((await pod.apply(pod.order())).map(summaryOf)).toEqual(['POSTED']);
    const [found] = await pod.ledger.read(['ada']);
    expect(found).toMatchObject({ balance: 400, version: 4 });
  });

  it('counts a reply that has already arrived; a transfer whose reply arrives later is in doubt', async () => {
    const before = await pod.post();
    const gate = new Gate();
    pod.cache.next('apply', gate.reply);
    const after = pod.order();
    const answered = pod.apply(after);
    await gate.reached;
    await pod.closing();
    // How far the pod has observed the journal is random: it may have read from Redis in the meantime.
    expect(await pod.everythingHandedOver(epoch)).toMatchObject({ ids: [before], inDoubt: [after.transactionId] });
    gate.open();
    // The reply contained POSTED, but is not passed on: the transfer waits, in doubt.
    await until('the reply was taken', () => pod.ledger.waiting === 1);
    expect(pod.ledger.open).toBe(1);
    // The journal has the outcome, and the request finds it there under its own id.
    await pod.finishFromJournal('DIRECT');
    expect((await answered).map(summaryOf)).toEqual(['POSTED']);
    expect((await pod.ledger.read(['ada']))[0]).toMatchObject({ balance: 200, version: 2 });
  });

  it('records what it knows and closes in one step, whatever arrives at that very moment', async () => {
    const seen: unknown[] = [];
    const cut = vi.spyOn(pod, 'cuts', 'set').mockImplementation(() => {
      seen.push(pod.session.view(), pod.session.direct());
    });
    const acknowledged: string[] = [];
    /** Each writer continues until it receives something other than a reply of this epoch. */
    const writers = Array.from({ length: 20 }, async () => {
      for (;;) {
        const one = pod.order({ amount: 1 });
        const [answer] = await pod.apply(one);
        if (!answer || answer instanceof Problem || answer.epoch !== epoch) return;
        acknowledged.push(one.transactionId);
      }
    });
    await until('they write', () => acknowledged.length > 300);
    await pod.closing();
    const { ids, inDoubt } = await pod.everythingHandedOver(epoch);
    const before = [...acknowledged];
    expect(seen).toEqual([null, null]);
    expect(before.filter((id) => !ids.includes(id))).toEqual([]);
    expect(ids.filter((id) => inDoubt.includes(id))).toEqual([]);
    cut.mockRestore();
    await pod.recoverFromHandOvers();
    await pod.openDirectly();
    await Promise.all(writers);
    // No transfer was acknowledged in that epoch afterwards.
    expect(acknowledged).toEqual(before);
  });

  it('hands over what it received through replays and lookups, even if another pod made the transfer', async () => {
    const other = await pod.another();
    const [one, two] = [other.order(), other.order()];
    await other.ledger.apply([one], 'cache');
    await other.ledger.apply([two], 'cache');
    expect((await pod.apply(one)).map(summaryOf)).toEqual(['again POSTED']);
    await pod.ledger.outcome(two.transactionId);
    // The other pod dies silently, as if it had never been registered.
    await other.session.stop();
    await db.database.rows("DELETE FROM pods WHERE pod_id LIKE 'other%'");
    await db.database.rows('DELETE FROM drained_entries');
    await pod.closing();
    expect((await pod.everythingHandedOver(epoch)).ids).toEqual([one.transactionId, two.transactionId]);
  });

  it('hands over the highest seq that any answer depended on, including reads', async () => {
    const other = await pod.another();
    for (let n = 0; n < 3; n++) await other.post();
    await pod.ledger.read(['ada']);
    await pod.closing();
    const { pods } = await pod.everythingHandedOver(epoch);
    expect(pods).toEqual({ 'pod-1': 3, 'other-1': 3 });
  });

  it('hands over attempts that were answered with 504 long ago: they may still run', async () => {
    const one = pod.order();
    pod.cache.always('apply', commandLost);
    const answered = pod.apply(one);
    await until('it was tried', () => pod.cache.calls('apply') > 1);
    pod.clock.push(11_000);
    expect((await answered).map(summaryOf)).toEqual(['outcome_unknown']);
    pod.cache.always('apply', passing);
    await pod.open();
    await pod.closing();
    expect((await pod.everythingHandedOver(epoch)).inDoubt).toEqual([one.transactionId]);
  });

  it('hands over no attempt whose outcome it received later, or that was proven to have written nothing', async () => {
    const first = await pod.post();
    const one = pod.order();
    pod.cache.next('apply', replyLost);
    expect((await pod.apply(one)).map(summaryOf)).toEqual(['POSTED']);
    pod.cache.next('apply', failing(new CacheError('unable', 'OOM')), failing(new CacheError('unable', 'OOM')));
    const two = pod.order();
    expect((await pod.apply(two)).map(summaryOf)).toEqual(['POSTED']);
    await pod.closing();
    expect(await pod.everythingHandedOver(epoch)).toMatchObject({
      ids: [first, one.transactionId, two.transactionId],
      inDoubt: [],
    });
  });

  it('hands over every account with which an in-doubt id was tried', async () => {
    const one = pod.order({ destination: 'ada' });
    pod.cache.next('apply', commandLost);
    const gate = new Gate();
    pod.cache.next('apply', gate.command, gate.command);
    void pod.apply(one);
    await until('it is in doubt', () => pod.cache.calls('apply') === 1);
    await pod.open();
    void pod.apply({ ...one, destination: 'bob' });
    await gate.reached;
    await pod.closing();
    await pod.everythingHandedOver(epoch);
    const rows = await db.database.rows<{ account_id: string; other_account_id: string }>(
      'SELECT account_id, other_account_id FROM drained_doubts',
    );
    expect(new Set(rows.flatMap((row) => [row.account_id, row.other_account_id]))).toEqual(
      new Set(['world', 'ada', 'bob']),
    );
    gate.open();
  });

  it('hands over an in-doubt account change, with its one account', async () => {
    const gate = new Gate();
    pod.cache.next('change', gate.command);
    const changeId = newUuidV7(pod.clock.now());
    const changing = pod.ledger.changeAccount({
      changeId,
      accountId: 'ada',
      overdraftLimit: 5,
      user: 'u',
      correlationId: 'c',
    });
    await gate.reached;
    await pod.closing();
    expect((await pod.everythingHandedOver(epoch)).inDoubt).toEqual([changeId]);
    expect(await db.database.rows('SELECT kind, account_id, other_account_id FROM drained_doubts')).toEqual([
      { kind: 'account-change', account_id: 'ada', other_account_id: '' },
    ]);
    gate.open();
    await pod.recoverFromHandOvers();
    // The in-doubt attempt counts as not made; the request is made on MySQL, under its own id.
    expect(await changing).toMatchObject({ overdraftLimit: 5, settingsVersion: 2, source: 'database' });
    expect(await db.database.rows('SELECT change_id FROM account_changes')).toEqual([{ change_id: changeId }]);
  });

  it('closes its connection to Redis, discarding everything still buffered', async () => {
    const before = await pod.redis.client('ID');
    await pod.closing();
    await pod.closed();
    await until('there is another connection', async () => {
      if (pod.redis.status !== 'ready') return false;
      return (await pod.redis.client('ID')) !== before;
    });
    expect(pod.cuts).toBe(1);
  });

  it('hands over what it knows even if it notices the end late, because the epoch has not been recovered yet', async () => {
    const id = await pod.post();
    pod.away = AWAY;
    await pod.closing();
    await until('the replies of Redis no longer matter', () => pod.session.view() !== null);
    expect(
      (await pod.recoveryStore.recoverFromHandOvers(await pod.store.read(), { keeper: 'k', reason: 'r' })) ?? {},
    ).toEqual({
      notHandedOver: ['pod-1'],
    });
    pod.away = null;
    expect((await pod.everythingHandedOver(epoch)).ids).toEqual([id]);
  });

  it('hands over nothing if the epoch was recovered without it', async () => {
    await pod.post();
    let failures = 0;
    pod.keeps = async () => {
      failures += 1;
      throw AWAY;
    };
    await pod.closing();
    await until('it has tried', () => failures > 2);
    await pod.activate();
    const { caller } = await pod.open();
    const tried = failures;
    pod.keeps = (kept) => kept();
    const asked = vi.spyOn(pod.store, 'read');
    await until('it has read the authority again', () => asked.mock.calls.length > 2);
    expect([failures, (await pod.handedOver(epoch)).ids]).toEqual([tried, []]);
    expect((await pod.ledger.read(['ada']))[0]).toMatchObject({ balance: 100, source: 'cache' });
    expect(caller.podId).toBe('pod-2');
  });
});

describe('Handed-over data', () => {
  it('is written in parts, repeatedly until all of it is there; only then does it count', async () => {
    const ids: string[] = [];
    for (let n = 0; n < 250; n++) ids.push(await pod.post({ amount: 1 }));
    let parts = 0;
    const kept = vi.spyOn(MysqlHandOverStore.prototype, 'keep');
    pod.keeps = async (kept) => {
      parts += 1;
      // The second part fails at first, and is stored with the next try, whose reply is lost.
      if (parts === 2) throw AWAY;
      await kept();
      if (parts === 3) throw AWAY;
    };
    let completions = 0;
    pod.completes = async (completed) => {
      completions += 1;
      expect((await pod.handedOver(epoch)).ids).toHaveLength(250);
      if (completions === 1) throw AWAY;
      await completed();
    };
    await pod.closing();
    expect(await pod.everythingHandedOver(epoch)).toEqual({ ids, inDoubt: [], pods: { 'pod-1': 250 } });
    expect(completions).toBe(2);
    // The first part is written once, and the second until its reply arrives: what MySQL has is not written again.
    expect(kept.mock.calls.map(([, , { entries }]) => entries.length)).toEqual([200, 50, 50]);
    expect(pod.log.messages('error')).toEqual([]);
    const asked = vi.spyOn(pod.store, 'read');
    const brought = parts;
    await until('it has read the authority again', () => asked.mock.calls.length > 2);
    expect(parts).toBe(brought);
  });

  it('does not keep the pod from noticing that the ledger has opened without it', async () => {
    await pod.post();
    const gate = new Gate();
    pod.keeps = (kept) => gate.command(kept);
    let completions = 0;
    pod.completes = async () => {
      completions += 1;
    };
    await pod.closing();
    await gate.reached;
    await pod.activate();
    expect((await pod.open()).caller.podId).toBe('pod-2');
    gate.open();
    // The rest of the data is no longer needed.
    const looks = vi.spyOn(pod.store, 'read');
    await until('it has read the authority again', () => looks.mock.calls.length > 2);
    expect(completions).toBe(0);
  });

  it('is written again after a bug on our side, which is logged', async () => {
    const id = await pod.post();
    let failures = 1;
    pod.keeps = async (kept) => {
      if (failures-- > 0) throw new TypeError('odd');
      await kept();
    };
    await pod.closing();
    expect((await pod.everythingHandedOver(epoch)).ids).toEqual([id]);
    expect(pod.log.messages('error')).toEqual(['hand-over failed; retrying']);
  });

  it('counts for every id that the process has used in the epoch', async () => {
    const { caller } = pod.view();
    const first = await pod.post();
    await pod.scripts.retire({ ...caller, fenceEpoch: epoch }, 'pod-1');
    await until('it is open under a new id', () => pod.session.podId === 'pod-2' && pod.session.view());
    const second = await pod.post();
    await pod.closing();
    expect(await pod.everythingHandedOver(epoch)).toEqual({
      ids: [first, second],
      inDoubt: [],
      pods: { 'pod-1': 2, 'pod-2': 2 },
    });
  });

  it('counts for an id that could be registered only in MySQL', async () => {
    const { caller } = pod.view();
    const lost = new Gate();
    pod.cache.always('register', lost.command);
    await pod.scripts.retire({ ...caller, fenceEpoch: epoch }, 'pod-1');
    await lost.reached;
    await until('MySQL has it', async () => (await pod.store.pods()).some(({ podId }) => podId === 'pod-2'));
    await pod.closing();
    expect((await pod.everythingHandedOver(epoch)).pods).toEqual({ 'pod-1': 0, 'pod-2': 0 });
    lost.open();
  });
});
